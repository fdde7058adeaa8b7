"""What plugins do in the background of a worker: each service on a thread of its own."""

from collections.abc import Callable, Sequence
from time import monotonic

from django.db import close_old_connections, connections

from scheduler.plugin_api.host import PluginHost, PluginService
from scheduler.ports import Clock
from scheduler.runtime.supervisor import Loop

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0
FOLLOWING_SECONDS = 5.0
"""A service of the leader looks so often whether this worker leads; it is woken when it begins."""


class Rounds:
    """The rounds of one service; ``leads`` says whether this worker is to do them now."""

    def __init__(
        self, host: PluginHost, service: PluginService, clock: Clock, leads: Callable[[], bool]
    ) -> None:
        self._host, self._service, self._clock, self._leads = host, service, clock, leads
        self._failures = 0

    def tick(self, now: float) -> float:
        """One round; returns when the next is due (boottime)."""
        if not self._leads():
            self._failures = 0
            return now + FOLLOWING_SECONDS
        # Django's connections belong to threads; one that broke would stay broken in this one.
        close_old_connections()
        seconds = self._host.tick(self._service)
        if seconds is None:
            connections.close_all()
            seconds = self._after_failure()
        else:
            self._failures = 0
        return self._clock.boottime() + seconds

    def _after_failure(self) -> float:
        self._failures += 1
        doubled = FIRST_RETRY_SECONDS * 2.0 ** min(self._failures - 1, 10)
        return min(doubled, LONGEST_RETRY_SECONDS)


class PluginServices:
    """All services of one worker, started and ended together."""

    def __init__(
        self,
        host: PluginHost,
        clock: Clock,
        *,
        always: Sequence[PluginService],
        leading: Sequence[PluginService],
        leads: Callable[[], bool],
    ) -> None:
        self._host = host
        self._leading = [(one, _loop(host, one, clock, leads)) for one in leading]
        everywhere = [(one, _loop(host, one, clock, lambda: True)) for one in always]
        self._all = [*everywhere, *self._leading]

    def start(self) -> None:
        for _, loop in self._all:
            loop.start()

    def term_began(self) -> None:
        """This worker leads now."""
        for _, loop in self._leading:
            loop.wake()

    def end(self, seconds: float) -> None:
        """End them all within ``seconds``, and close those whose last tick has returned."""
        for _, loop in self._all:
            loop.ask_to_end()
        deadline = monotonic() + seconds
        ended = [one for one, loop in self._all if loop.end(max(0.0, deadline - monotonic()))]
        self._host.close(ended)


def _loop(
    host: PluginHost, service: PluginService, clock: Clock, leads: Callable[[], bool]
) -> Loop:
    name = f"service-{service.plugin}-{service.service.name}"
    return Loop(name, Rounds(host, service, clock, leads).tick, clock)
