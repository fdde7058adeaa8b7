"""Redis as one simulated process reaches it: calls that take time, fail, or lose their answer."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from scheduler.domain.errors import RedisUnavailable
from scheduler.ports import Heartbeat, LockView
from scheduler.testing.redis import FakeBell, FakeLeaderLock, FakeListening, FakePresence, RedisLine
from tests.simulation.weather import Fate

if TYPE_CHECKING:
    from tests.simulation.node import Process
    from tests.simulation.world import World

GIVES_UP_AFTER = 1.0


class Caller:
    """Passes one process's calls to Redis through the weather."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world, self._process = world, process
        self.line = RedisLine(world.redis)

    def call[T](self, act: Callable[[], T]) -> T:
        """Raises RedisUnavailable; then ``act`` was done or not."""
        world, life = self._world, self._process.life
        world.maybe_pause(life, "before Redis")
        if self.is_cut:
            self._fail("the line is cut")
        fate = world.redis_dice.fate()
        if fate in (Fate.REQUEST_LOST, Fate.LATE):
            self._fail("no answer")
        trip = world.redis_dice.trip()
        if trip:
            world.timeline.sleep(min(trip, GIVES_UP_AFTER), life)
        result = act()
        if fate is Fate.ANSWER_LOST or trip >= GIVES_UP_AFTER or self.is_cut:
            self._fail("the answer was lost")
        world.maybe_pause(life, "after Redis")
        return result

    @property
    def is_cut(self) -> bool:
        return self._process.node.name in self._world.lines.no_redis or self._world.redis.away

    def _fail(self, why: str) -> None:
        self._world.timeline.sleep(
            self._world.random.uniform(0.0, GIVES_UP_AFTER), self._process.life
        )
        raise RedisUnavailable("simulation", why)


class SimulatedLock:
    """``ports.LeaderLock``."""

    def __init__(self, caller: Caller) -> None:
        self._caller, self._inner = caller, FakeLeaderLock(caller.line)

    def acquire(self, worker_id: str, ttl_seconds: float) -> bool:
        return self._caller.call(lambda: self._inner.acquire(worker_id, ttl_seconds))

    def replace(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        return self._caller.call(lambda: self._inner.replace(worker_id, epoch, ttl_seconds))

    def renew(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        return self._caller.call(lambda: self._inner.renew(worker_id, epoch, ttl_seconds))

    def release(self, worker_id: str) -> None:
        self._caller.call(lambda: self._inner.release(worker_id))

    def view(self) -> LockView:
        return self._caller.call(self._inner.view)

    def mirror_epoch(self, epoch: int) -> None:
        self._caller.call(lambda: self._inner.mirror_epoch(epoch))

    def mirrored_epoch(self) -> int:
        return self._caller.call(self._inner.mirrored_epoch)


class SimulatedPresence:
    """``ports.Presence``."""

    def __init__(self, caller: Caller) -> None:
        self._caller, self._inner = caller, FakePresence(caller.line)

    def beat(self, heartbeat: Heartbeat, ttl_seconds: float) -> None:
        self._caller.call(lambda: self._inner.beat(heartbeat, ttl_seconds))

    def all(self) -> list[Heartbeat]:
        return self._caller.call(self._inner.all)

    def gone(self, worker_id: str) -> None:
        self._caller.call(lambda: self._inner.gone(worker_id))


class SimulatedBell:
    """``ports.Bell``: a ring reaches each listener as an action of the listener's own process."""

    def __init__(self, world: "World", process: "Process", caller: Caller) -> None:
        self._world, self._process, self._caller = world, process, caller
        self._inner = FakeBell(caller.line)

    def ring(self, topic: str) -> bool:
        return not self._caller.is_cut and self._inner.ring(topic)

    def listen(self, topics: Iterable[str], on_ring: Callable[[str], None]) -> FakeListening:
        def heard(topic: str) -> None:
            if not self._caller.is_cut:
                self._world.timeline.after(0.001, lambda: on_ring(topic), self._process.life)

        return self._inner.listen(topics, heard)
