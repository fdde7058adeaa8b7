"""A machine: its clock, the fork server on it, and the worker process that may run there."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scheduler.runtime.clock import SystemClock
from tests.simulation.timeline import Life

if TYPE_CHECKING:
    from tests.simulation.world import World

EPOCH = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""The RDB's time when a simulation begins."""


class MachineTime:
    """CLOCK_BOOTTIME of one machine: it starts anywhere, and runs a little fast or slow."""

    def __init__(self, started_at: float, rate: float) -> None:
        self.started_at, self.rate = started_at, rate

    def boottime(self, true: float) -> float:
        return self.started_at + true * self.rate

    def true(self, boottime: float) -> float:
        """The instant of the timeline at which this clock shows ``boottime``."""
        return (boottime - self.started_at) / self.rate


class SimulatedClock(SystemClock):
    """The runtime's own clock, over the machine's time. A look at it may be the instant at which
    the process is stopped: after it was read, before what was read is used."""

    def __init__(self, world: "World", life: Life, time: MachineTime, wall_skew: float) -> None:
        self._world, self._life, self._time = world, life, time
        super().__init__()
        local = EPOCH + timedelta(seconds=world.timeline.now + wall_skew)
        self._zero = local - timedelta(seconds=time.boottime(world.timeline.now))

    def boottime(self) -> float:
        seen = self._time.boottime(self._world.timeline.now)
        self._world.maybe_pause(self._life, "reading the clock")
        return seen
