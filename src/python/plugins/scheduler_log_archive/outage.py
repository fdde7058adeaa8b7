"""Whether the object store is to be had, and what is said of it: once when that changes, not at
each try."""

import random
from collections.abc import Callable
from threading import Lock

from scheduler.plugin_api.logs import get_logger
from scheduler_log_archive.backoff import Backoff
from scheduler_log_archive.errors import ArchiveProblem
from scheduler_log_archive.figures import FigureBoard

log = get_logger("log_archive")

LONGEST_SECONDS = 60.0


class Outage:
    """Safe for threads. ``steady`` tells seconds that only grow, ``chance`` a number of 0 to 1."""

    def __init__(
        self,
        board: FigureBoard,
        steady: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._board, self._steady, self._chance = board, steady, chance
        self._backoff = Backoff(first_seconds=1.0, longest_seconds=LONGEST_SECONDS)
        self._lock = Lock()
        self._since: float | None = None

    def left(self) -> float:
        """Seconds until the store may be asked again; 0 while all is well."""
        return self._backoff.left(self._steady())

    def begin_or_go_on(self, problem: ArchiveProblem) -> None:
        """A request failed, and others would too."""
        now = self._steady()
        with self._lock:
            if self._backoff.left(now):
                return  # Another thread of the same round has told already.
            self._backoff.failed(now, self._chance())
            self._since = self._since or now
        if self._board.set_trouble(str(problem)):
            log.warning("log_archive_unavailable", reason=str(problem))

    def end(self) -> None:
        """A request went well."""
        with self._lock:
            since, self._since = self._since, None
            self._backoff.succeeded()
        if since is not None:
            self._board.set_trouble("")
            log.info("log_archive_recovered", after_seconds=round(self._steady() - since, 1))
