"""The clocks that the runtime goes by."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Clocks of this machine. Only the supervisor and adapters own one; deciders get numbers."""

    def boottime(self) -> float:
        """Seconds of CLOCK_BOOTTIME: goes on while the machine is suspended."""

    def now(self) -> datetime:
        """Cluster time: the RDB's clock, carried on by the monotonic clock. Aware UTC."""

    def observe(self, db_now: datetime, asked_at: float, answered_at: float) -> None:
        """Learn the RDB's clock from one round trip (boottimes around it); the shortest wins."""
