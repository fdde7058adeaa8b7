"""A cluster over a PostgreSQL primary and its asynchronous standby, which can take over."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scheduler_demo.cluster import DATABASE
from scheduler_demo.services import EmbeddedPostgres
from scheduler_demo.workers import WorkerProcess
from tests.e2e.cluster import Cluster
from tests.integration.failover.standby import Standby, either

# Patience enough for a promotion on a busy machine.
PATIENT_LEASES = {
    "SCHEDULER_RUN_LEASE_SECONDS": "15",
    "SCHEDULER_LEADER_TRUST_SECONDS": "6",
    "SCHEDULER_LEADER_STALE_SECONDS": "3",
}


class ReplicatedCluster(Cluster):
    """Its workers know both servers (``host=a,b``) and take the one that can be written to."""

    def __init__(self, folder: Path, jobs: Sequence[Mapping[str, Any]], *, workers: int) -> None:
        super().__init__(folder, jobs, workers=workers, settings=PATIENT_LEASES)
        assert self.postgres is not None
        self.standby = Standby(folder / "standby", self.postgres)

    @property
    def dsn(self) -> str:
        assert self.postgres is not None
        return either(self.postgres, self.standby, DATABASE)

    def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        super()._start_postgres(postgres)
        self.standby.start()

    def stop(self, *, grace_seconds: float = 60.0) -> None:
        super().stop(grace_seconds=grace_seconds)
        self.standby.close()

    def cut_replication(self) -> None:
        """What is committed from now on is lost when the standby takes over."""
        self.wait_until(self.standby.has_caught_up, "a standby in step")
        self.standby.stop_receiving()
        self.wait_until(lambda: not self.standby.is_receiving(), "an end of replication")

    def fail_over(self) -> None:
        """SIGKILL of the primary; the standby takes its place."""
        assert self.postgres is not None
        self.postgres.kill()
        self.standby.promote()

    def a_worker_with_runs(self) -> WorkerProcess:
        """One that runs something now, and does not lead."""
        busy = Counter(run.worker_id for run in self.runs() if run.state == "RUNNING")
        leader = self.the_leader()
        return next(w for w in self.workers if w is not leader and busy[self.worker_id(w)])

    def said(self, event: str) -> list[dict[str, Any]]:
        """What all workers logged under this name."""
        return [each for w in self.workers for each in w.events() if each.get("event") == event]

    def ends_by_slot(self) -> Counter[tuple[str, str]]:
        """How often the work of each slot was done to its end, by the jobs' own evidence."""
        return Counter((mark.job, mark.scheduled_for) for mark in self.marks("end"))
