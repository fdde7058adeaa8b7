"""Fakes of what Redis gives: one shared RedisState, and per member of a cluster a line to it.

``state.wipe()`` is a restart without data; ``line.cut = True`` takes one member's line away;
``state.away = True`` takes everybody's. Time comes from the clock given: nothing expires but by it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scheduler.domain.errors import RedisUnavailable
from scheduler.ports import Heartbeat, LockView


@dataclass(slots=True)
class _Held:
    worker_id: str
    epoch: int
    beats: int
    expires_at: float


@dataclass(slots=True)
class RedisState:
    """What a Redis holds. ``now`` gives seconds, of any clock that the test moves."""

    now: Callable[[], float]
    away: bool = False
    mirrored_epoch: int = 0
    _held: _Held | None = None
    _beats: dict[str, tuple[Heartbeat, float]] = field(default_factory=dict)
    _listeners: list["FakeListening"] = field(default_factory=list)

    def wipe(self) -> None:
        """Restarted empty: locks, mirror and presence are gone, listeners subscribe again."""
        self.mirrored_epoch = 0
        self._held = None
        self._beats.clear()
        for listener in list(self._listeners):
            listener.greet()

    @property
    def held(self) -> _Held | None:
        if self._held is not None and self._held.expires_at <= self.now():
            self._held = None
        return self._held

    def hold(self, worker_id: str, epoch: int, beats: int, ttl_seconds: float) -> bool:
        self._held = _Held(worker_id, epoch, beats, self.now() + ttl_seconds)
        return True

    def free(self) -> None:
        self._held = None

    def present(self, heartbeat: Heartbeat, ttl_seconds: float) -> None:
        self._beats[heartbeat.worker_id] = (heartbeat, self.now() + ttl_seconds)

    def absent(self, worker_id: str) -> None:
        self._beats.pop(worker_id, None)

    def heartbeats(self) -> list[Heartbeat]:
        seen = [beat for beat, expires_at in self._beats.values() if expires_at > self.now()]
        return sorted(seen, key=lambda beat: beat.worker_id)

    def subscribe(self, listener: "FakeListening") -> None:
        self._listeners.append(listener)

    def unsubscribe(self, listener: "FakeListening") -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def publish(self, topic: str) -> None:
        for listener in list(self._listeners):
            listener.hear(topic)


@dataclass(slots=True)
class RedisLine:
    """One member's connection to the RedisState."""

    state: RedisState
    cut: bool = False

    @property
    def is_up(self) -> bool:
        return not (self.cut or self.state.away)

    def check(self) -> None:
        """Raises RedisUnavailable while the line is cut or Redis is away."""
        if not self.is_up:
            raise RedisUnavailable("fake", "the line is cut" if self.cut else "it is away")


class FakeLeaderLock:
    """The LeaderLock over a RedisState; the same contract tests as the real one's."""

    def __init__(self, line: RedisLine) -> None:
        self._line = line

    def acquire(self, worker_id: str, ttl_seconds: float) -> bool:
        held, state = self._held(), self._line.state
        if held is None:
            return state.hold(worker_id, 0, 0, ttl_seconds)
        if held.worker_id == worker_id:
            return state.hold(worker_id, held.epoch, held.beats, ttl_seconds)
        return False

    def replace(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        held, state = self._held(), self._line.state
        if held is None or held.epoch < epoch:
            return state.hold(worker_id, epoch, 0, ttl_seconds)
        if (held.worker_id, held.epoch) == (worker_id, epoch):
            return state.hold(worker_id, epoch, held.beats, ttl_seconds)
        return False

    def renew(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        held, state = self._held(), self._line.state
        if held is None:
            return state.hold(worker_id, epoch, 1, ttl_seconds)
        if held.worker_id == worker_id and held.epoch <= epoch:
            return state.hold(worker_id, epoch, held.beats + 1, ttl_seconds)
        return False

    def release(self, worker_id: str) -> None:
        held = self._held()
        if held is not None and held.worker_id == worker_id:
            self._line.state.free()

    def view(self) -> LockView:
        held = self._held()
        return LockView(None, 0, 0) if held is None else _view(held)

    def mirror_epoch(self, epoch: int) -> None:
        self._line.check()
        self._line.state.mirrored_epoch = max(epoch, self._line.state.mirrored_epoch)

    def mirrored_epoch(self) -> int:
        self._line.check()
        return self._line.state.mirrored_epoch

    def _held(self) -> _Held | None:
        self._line.check()
        return self._line.state.held


class FakePresence:
    """The Presence over a RedisState."""

    def __init__(self, line: RedisLine) -> None:
        self._line = line

    def beat(self, heartbeat: Heartbeat, ttl_seconds: float) -> None:
        self._line.check()
        self._line.state.present(heartbeat, ttl_seconds)

    def all(self) -> list[Heartbeat]:
        self._line.check()
        return self._line.state.heartbeats()

    def gone(self, worker_id: str) -> None:
        self._line.check()
        self._line.state.absent(worker_id)


class FakeBell:
    """The Bell over a RedisState; rings are heard at once, on the ringer's own thread."""

    def __init__(self, line: RedisLine) -> None:
        self._line = line

    def ring(self, topic: str) -> bool:
        if self._line.is_up:
            self._line.state.publish(topic)
        return self._line.is_up

    def listen(self, topics: Iterable[str], on_ring: Callable[[str], None]) -> "FakeListening":
        return FakeListening(self._line, frozenset(topics), on_ring)


class FakeListening:
    """A subscription of a FakeBell."""

    def __init__(
        self, line: RedisLine, topics: frozenset[str], on_ring: Callable[[str], None]
    ) -> None:
        self._line = line
        self._topics = topics
        self._on_ring = on_ring
        line.state.subscribe(self)
        self.greet()

    def greet(self) -> None:
        """Subscribed (again): every topic may have been rung meanwhile."""
        for topic in sorted(self._topics):
            self.hear(topic)

    def hear(self, topic: str) -> None:
        if topic in self._topics and self._line.is_up:
            self._on_ring(topic)

    def close(self) -> None:
        self._line.state.unsubscribe(self)


def _view(held: _Held) -> LockView:
    return LockView(held.worker_id, held.epoch, held.beats)
