"""Calls of plugins with a time limit: a hook that hangs must not hold its caller up.

A call runs on a daemon thread, and its caller waits for no longer than the limit. What has not
returned by then is left behind: Python can stop no thread. So that a plugin that always hangs does
not gather threads, each *lane* of a plugin has one call at a time: while an abandoned one has not
returned, further calls of the lane are refused at once. What is asked while a process starts shares
one lane, everything else has its own. See docs/adr/0012.
"""

import sys
from _thread import LockType
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any, ClassVar

from scheduler.domain.errors import SchedulerError


class DidNotAnswer(SchedulerError):
    """A plugin had not answered within its limit, or has not yet come back from an earlier call."""

    code: ClassVar[str] = "PLUGIN_DID_NOT_ANSWER"

    def __init__(
        self, plugin: str, what: str, seconds: float, stuck: "CallUnderWay | None" = None
    ) -> None:
        self.plugin, self.what, self.seconds, self.stuck = plugin, what, seconds, stuck
        if stuck is None:
            how = f"did not answer within {seconds:g} s"
        else:
            since = f"{stuck.since:%Y-%m-%d %H:%M:%S} UTC"
            how = f"is not asked: its {stuck.what}, called at {since}, has not returned"
        super().__init__(f"Plugin {plugin!r}, {what}, {how}; see what the plugin waits for.")


@dataclass(frozen=True, slots=True)
class CallUnderWay:
    """A call of a plugin that has not returned. ``since`` is aware UTC."""

    plugin: str
    what: str
    since: datetime


@dataclass(eq=False, slots=True)
class _Call:
    plugin: str
    what: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    under_way: LockType = field(default_factory=Lock)
    """Held until the call has returned."""
    abandoned: bool = False
    value: Any = None
    error: BaseException | None = None


@dataclass(eq=False, slots=True)
class _Lane:
    turn: LockType = field(default_factory=Lock)
    """Held while a call is under way."""
    call: _Call | None = None
    inbox: "SimpleQueue[tuple[_Call, Callable[[], Any]]]" = field(default_factory=SimpleQueue)
    thread: Thread | None = None


class Pending[T]:
    """An answer on its way. Ask for its ``result`` once, whatever happens."""

    def __init__(self, call: _Call, seconds: float, deadline: float) -> None:
        self._call, self._seconds, self._deadline = call, seconds, deadline

    def result(self) -> T:
        """What the call returned. Raises what it raised, or DidNotAnswer past its limit."""
        call = self._call
        in_time = call.under_way.acquire(timeout=max(0.0, self._deadline - monotonic()))
        if not in_time:
            call.abandoned = True
            raise DidNotAnswer(call.plugin, call.what, self._seconds)
        if call.error is not None:
            raise call.error
        answer: T = call.value
        return answer


class Limits:
    """The lanes of one process. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._watched: set[_Call] = set()

    def call[T](
        self,
        plugin: str,
        what: str,
        ask: Callable[[], T],
        seconds: float,
        *,
        lane: str = "",
        often: bool = False,
    ) -> T:
        """``ask()``, waited for no longer than ``seconds``; ``lane`` is ``what`` by default.

        ``often``: the lane keeps its thread, which makes a call five times as fast. Raises
        DidNotAnswer, or what it raised.
        """
        pending: Pending[T] = self.begin(plugin, what, ask, seconds, lane=lane, often=often)
        return pending.result()

    def begin[T](
        self,
        plugin: str,
        what: str,
        ask: Callable[[], T],
        seconds: float,
        *,
        lane: str = "",
        often: bool = False,
    ) -> Pending[T]:
        """Like ``call``, without waiting: so several are asked side by side.

        Another caller's call in the same lane is waited for. Raises DidNotAnswer.
        """
        deadline = monotonic() + seconds
        call = _Call(plugin, what)
        found = self._lane(plugin, lane or what)
        _take_turn(found, call, deadline, seconds)
        try:
            _start(found, call, ask, often=often)
        except RuntimeError:
            _end(found, call)
            raise
        return Pending(call, seconds, deadline)

    @contextmanager
    def watched(self, plugin: str, what: str) -> Iterator[None]:
        """A call without limit, on a thread of its own: only shown while it is under way."""
        call = _Call(plugin, what)
        with self._lock:
            self._watched.add(call)
        try:
            yield
        finally:
            with self._lock:
                self._watched.discard(call)

    def under_way(self) -> tuple[CallUnderWay, ...]:
        """What has not returned yet, the oldest first."""
        with self._lock:
            calls = [lane.call for lane in self._lanes.values()]
            calls += self._watched
        found = [_shown(call) for call in calls if call is not None]
        return tuple(sorted(found, key=lambda one: one.since))

    def _lane(self, plugin: str, name: str) -> _Lane:
        with self._lock:
            return self._lanes.setdefault((plugin, name), _Lane())


def _take_turn(lane: _Lane, call: _Call, deadline: float, seconds: float) -> None:
    other = lane.call
    patience = 0.0 if other is not None and other.abandoned else deadline - monotonic()
    if not lane.turn.acquire(timeout=max(0.0, patience)):
        other = lane.call
        stuck = _shown(other) if other is not None else None
        raise DidNotAnswer(call.plugin, call.what, seconds, stuck)
    call.under_way.acquire()
    lane.call = call


def _start(lane: _Lane, call: _Call, ask: Callable[[], Any], *, often: bool) -> None:
    """Raises RuntimeError where no thread is to be had."""
    name = f"plugin-{call.plugin}-{call.what}"
    if not often:
        Thread(target=_carry_out, args=(lane, call, ask), name=name, daemon=True).start()
        return
    if lane.thread is None:
        thread = Thread(target=_serve, args=(lane,), name=name, daemon=True)
        thread.start()
        lane.thread = thread
    lane.inbox.put((call, ask))


def _serve(lane: _Lane) -> None:
    while True:
        _carry_out(lane, *lane.inbox.get())


def _carry_out(lane: _Lane, call: _Call, ask: Callable[[], Any]) -> None:
    try:
        call.value = ask()
    # SystemExit too: a plugin must not be able to end a thread in silence.
    except BaseException as error:
        call.error = error
    finally:
        _close_connections()
        _end(lane, call)


def _end(lane: _Lane, call: _Call) -> None:
    lane.call = None
    lane.turn.release()
    call.under_way.release()


def _shown(call: _Call) -> CallUnderWay:
    return CallUnderWay(call.plugin, call.what, call.since)


def _close_connections() -> None:
    """Django's connections belong to their thread: nobody else would.

    While Django's settings are being read there are none, and asking for them would wait for the
    thread that reads, which waits for this one."""
    if "django.db" not in sys.modules:
        return
    from django.conf import settings
    from django.db import connections

    if settings.configured:
        connections.close_all()
