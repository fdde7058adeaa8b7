"""The clocks of this machine, and the RDB's clock carried on between its answers.

Clocks of machines may be minutes apart, so cluster time is the RDB's: the monotonic clock plus
an offset learnt from the round trip that was shortest of late, which bounds its error by half
of that trip (Cristian's algorithm).
"""

import time
from datetime import UTC, datetime, timedelta
from threading import Lock

FORGET_SECONDS = 300.0
"""An offset older than this yields to any newer one: clocks drift."""


class SystemClock:
    """Implements ``ports.Clock``. Until the first answer of the RDB it tells local time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._zero = datetime.now(UTC) - timedelta(seconds=self.boottime())
        self._trip = float("inf")
        self._learnt_at = 0.0

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        return self._zero + timedelta(seconds=self.boottime())

    def observe(self, db_now: datetime, asked_at: float, answered_at: float) -> None:
        trip = answered_at - asked_at
        with self._lock:
            if trip <= self._trip or answered_at - self._learnt_at > FORGET_SECONDS:
                self._trip, self._learnt_at = trip, answered_at
                self._zero = db_now - timedelta(seconds=asked_at + trip / 2)
