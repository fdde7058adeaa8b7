"""Duties side by side: what one of them raises keeps none of the others from its turn."""

from collections.abc import Callable

from scheduler.domain.errors import DatabaseUnavailable, StaleEpoch

ENDS_ALL = (StaleEpoch, DatabaseUnavailable)
"""After these there is nothing left to try: no leader, or no RDB."""


class Attempts:
    """The duties of one tick. ``make`` each, then ``settle``."""

    def __init__(self) -> None:
        self._failure: Exception | None = None

    def make[T](self, duty: Callable[[], T], otherwise: T) -> T:
        """What the duty returns; ``otherwise`` when it raises. Raises what ENDS_ALL."""
        try:
            return duty()
        except ENDS_ALL:
            raise
        except Exception as error:
            self._failure = self._failure or error
            return otherwise

    def settle(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure
