"""Calls of plugins with a time limit: a hook that hangs must not hold its caller up.

A call runs on a daemon thread of its own, and its caller waits for no longer than the limit. What
has not returned by then is left behind: Python can stop no thread. So that a plugin that always
hangs does not gather threads, each *lane* of a plugin has one call at a time: while an abandoned
one has not returned, further calls of the lane are refused at once. What is asked while a process
starts shares one lane, everything else has its own. See docs/adr/0012.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Condition, Thread
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


@dataclass(eq=False)
class _Call:
    plugin: str
    what: str
    lane: str
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: bool = False
    abandoned: bool = False
    value: Any = None
    error: BaseException | None = None


class Pending[T]:
    """An answer on its way. Ask for its ``result`` once, whatever happens."""

    def __init__(self, limits: "Limits", call: _Call, seconds: float, deadline: float) -> None:
        self._limits, self._call = limits, call
        self._seconds, self._deadline = seconds, deadline

    def result(self) -> T:
        """What the call returned. Raises what it raised, or DidNotAnswer past its limit."""
        call = self._call
        if not self._limits.wait(call, self._deadline):
            raise DidNotAnswer(call.plugin, call.what, self._seconds)
        if call.error is not None:
            raise call.error
        answer: T = call.value
        return answer


class Limits:
    """The lanes of one process. Safe for threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._lanes: dict[tuple[str, str], _Call] = {}
        self._watched: set[_Call] = set()

    def call[T](
        self, plugin: str, what: str, ask: Callable[[], T], seconds: float, lane: str = ""
    ) -> T:
        """``ask()``, waited for no longer than ``seconds``; ``lane`` is ``what`` by default. Raises
        DidNotAnswer, or what it raised."""
        pending: Pending[T] = self.begin(plugin, what, ask, seconds, lane)
        return pending.result()

    def begin[T](
        self, plugin: str, what: str, ask: Callable[[], T], seconds: float, lane: str = ""
    ) -> Pending[T]:
        """Like ``call``, without waiting: so several are asked side by side.

        Another caller's call in the same lane is waited for. Raises DidNotAnswer.
        """
        deadline = monotonic() + seconds
        call = _Call(plugin, what, lane or what)
        self._take_lane(call, deadline, seconds)
        thread = Thread(
            target=self._carry_out, args=(call, ask), name=f"plugin-{plugin}-{what}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._end(call)
            raise
        return Pending(self, call, seconds, deadline)

    @contextmanager
    def watched(self, plugin: str, what: str) -> Iterator[None]:
        """A call without limit, on a thread of its own: only shown while it is under way."""
        call = _Call(plugin, what, what)
        with self._changed:
            self._watched.add(call)
        try:
            yield
        finally:
            with self._changed:
                self._watched.discard(call)

    def under_way(self) -> tuple[CallUnderWay, ...]:
        """What has not returned yet, the oldest first."""
        with self._changed:
            calls = [*self._lanes.values(), *self._watched]
        return tuple(sorted(map(_shown, calls), key=lambda one: one.since))

    def wait(self, call: _Call, deadline: float) -> bool:
        """Whether the call has returned in time; if not it is abandoned."""
        with self._changed:
            self._changed.wait_for(lambda: call.ended, max(0.0, deadline - monotonic()))
            call.abandoned = not call.ended
            if call.abandoned:
                self._changed.notify_all()
            return call.ended

    def _take_lane(self, call: _Call, deadline: float, seconds: float) -> None:
        lane = (call.plugin, call.lane)

        def settled() -> bool:
            other = self._lanes.get(lane)
            return other is None or other.abandoned

        with self._changed:
            self._changed.wait_for(settled, max(0.0, deadline - monotonic()))
            other = self._lanes.get(lane)
            if other is not None:
                raise DidNotAnswer(call.plugin, call.what, seconds, _shown(other))
            self._lanes[lane] = call

    def _carry_out(self, call: _Call, ask: Callable[[], Any]) -> None:
        try:
            call.value = ask()
        # SystemExit too: a plugin must not be able to end a thread in silence.
        except BaseException as error:
            call.error = error
        finally:
            self._end(call)
            _close_connections()

    def _end(self, call: _Call) -> None:
        with self._changed:
            call.ended = True
            self._lanes.pop((call.plugin, call.lane), None)
            self._changed.notify_all()


def _shown(call: _Call) -> CallUnderWay:
    return CallUnderWay(call.plugin, call.what, call.since)


def _close_connections() -> None:
    """Django's connections belong to their thread, which ends here."""
    if "django.db" in sys.modules:
        from django.db import connections

        connections.close_all()
