"""A worker as plugins see it, for their tests: everything is a field that the test sets."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from scheduler.plugin_api.metrics import Metric
from scheduler.plugin_api.services import LocalLog, LoopPulse, Readiness, WorkerSnapshot

HEALTHY = tuple(
    Readiness(name, True, "All is well.")
    for name in ("database", "redis", "certificate", "registered")
)


@dataclass
class FakeWorkerView:
    """Implements ``plugin_api.services.WorkerView``. It follows, idle, with TLS off, until told
    otherwise."""

    worker_id: str = "w-1"
    node_id: str = "node-1"
    role: str = "worker"
    epoch: int | None = None
    joined: bool = True
    draining: bool = False
    capacity: int = 8
    certificate_expires_at: datetime | None = None
    ready: tuple[Readiness, ...] = HEALTHY
    pulses: tuple[LoopPulse, ...] = ()
    logs: list[LocalLog] = field(default_factory=list)
    runs: set[UUID] = field(default_factory=set)
    figures: tuple[Metric, ...] = ()

    def snapshot(self) -> WorkerSnapshot:
        return WorkerSnapshot(
            self.worker_id,
            self.node_id,
            self.role,
            self.epoch,
            self.joined,
            self.draining,
            self.capacity,
            len(self.runs),
            self.certificate_expires_at,
        )

    def readiness(self) -> tuple[Readiness, ...]:
        return self.ready

    def loops(self) -> tuple[LoopPulse, ...]:
        return self.pulses

    def local_logs(self) -> Iterator[LocalLog]:
        return iter(list(self.logs))

    def running(self) -> frozenset[UUID]:
        return frozenset(self.runs)

    def metrics(self) -> tuple[Metric, ...]:
        return self.figures

    def lacks(self, name: str, summary: str = "It does not answer.") -> None:
        """From now on ``name`` (``database``, ``redis``, ...) is not ready."""
        self.ready = tuple(
            replace(one, ok=False, summary=summary) if one.name == name else one
            for one in self.ready
        )
