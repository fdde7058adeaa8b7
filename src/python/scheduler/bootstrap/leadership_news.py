"""Tells plugins, in order and on a thread of its own, that this worker's leadership changed."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event

from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.services import LeadershipChange
from scheduler.runtime.member import Term

IDLE_SECONDS = 3600.0


class LeadershipNews:
    """``changed`` is for the leader's thread, ``tick`` for a loop with ``wake`` as its bell."""

    def __init__(
        self, host: PluginHost, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.wake = Event()
        self._host, self._clock = host, clock
        self._term: Term | None = None
        self._untold: deque[LeadershipChange] = deque()

    def changed(self, term: Term | None) -> None:
        """A term began, or (None) the one under way ended; neither waits nor raises."""
        told, self._term = term or self._term, term
        if told is None:
            return
        worker_id = told.command.leader_worker_id
        change = LeadershipChange(worker_id, told.epoch, term is not None, self._clock())
        self._untold.append(change)
        self.wake.set()

    def tick(self, now: float) -> float:
        """Tell what is untold; returns when to look again (boottime)."""
        while self._untold:
            self._host.leadership_changed(self._untold.popleft())
        return now + IDLE_SECONDS
