"""Keeps the last answer of something that is dear to ask."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

from scheduler.plugin_api.errors import SchedulerError


class Remembered[T]:
    """What ``ask`` last returned, or the SchedulerError that it raised, for a few seconds.

    One caller asks; those that come meanwhile wait for its answer. Safe for threads.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        seconds: Callable[[], float],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ask, self._seconds, self._clock = ask, seconds, clock
        self._lock = Lock()
        self._until: float | None = None
        self._answer: Callable[[], T] = ask

    def get(self) -> T:
        """The kept answer, or a new one. Raises what asking raised."""
        with self._lock:
            if self._until is None or self._clock() >= self._until:
                self._answer = self._asked()
                self._until = self._clock() + self._seconds()
        return self._answer()

    def _asked(self) -> Callable[[], T]:
        try:
            answer = self._ask()
        except SchedulerError as error:
            problem = error

            def fail() -> T:
                # Raised again and again: its trace would grow by each.
                raise problem.with_traceback(None)

            return fail
        return lambda: answer
