"""A cluster over a PostgreSQL primary and its asynchronous standby, which can take over."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from scheduler_demo.cluster import DATABASE
from scheduler_demo.services import EmbeddedPostgres
from scheduler_demo.workers import WorkerProcess
from tests.e2e.cluster import Cluster

# Patience enough for a promotion on a busy machine.
PATIENT_LEASES = {
    "SCHEDULER_RUN_LEASE_SECONDS": "15",
    "SCHEDULER_LEADER_TRUST_SECONDS": "6",
    "SCHEDULER_LEADER_STALE_SECONDS": "3",
}


class Standby(EmbeddedPostgres):
    """A streaming standby of ``primary``, copied from it when first started."""

    def __init__(self, data_dir: Path, primary: EmbeddedPostgres) -> None:
        super().__init__(data_dir, options={"fsync": "off"})
        self._primary = primary

    def _initialize(self) -> None:
        shutil.copy(self._primary.data_dir / "password", self.data_dir / "password")
        copy = [str(self._binary("pg_basebackup")), "-D", str(self._cluster), "-U", "postgres"]
        copy += ["-h", str(self._primary.socket_dir), "-X", "stream", "-R", "-c", "fast"]
        subprocess.run(copy, check=True, capture_output=True)

    def stop_receiving(self) -> None:
        """From now on nothing that the primary commits comes here."""
        self._tell("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")

    def is_receiving(self) -> bool:
        return bool(self._ask("SELECT count(*) FROM pg_stat_wal_receiver"))

    def has_caught_up(self) -> bool:
        """Whether all that the primary has flushed is replayed here."""
        with psycopg.connect(self._primary.dsn) as connection:
            flushed = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        lag = f"SELECT pg_last_wal_replay_lsn() >= '{(flushed or ('0/0',))[0]}'::pg_lsn"
        return bool(self._ask(lag))

    def promote(self) -> None:
        """Become the primary, on a new timeline; returns when that is done."""
        assert self._ask("SELECT pg_promote(true, 60)")

    def _ask(self, query: str) -> Any:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def _tell(self, *statements: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


class ReplicatedCluster(Cluster):
    """Its workers know both servers (``host=a,b``) and take the one that can be written to."""

    def __init__(self, folder: Path, jobs: Sequence[Mapping[str, Any]], *, workers: int) -> None:
        super().__init__(folder, jobs, workers=workers, settings=PATIENT_LEASES)
        assert self.postgres is not None
        self.standby = Standby(folder / "standby", self.postgres)

    @property
    def dsn(self) -> str:
        assert self.postgres is not None
        hosts = ",".join(str(server.socket_dir) for server in (self.postgres, self.standby))
        return (
            f"postgresql://postgres@/{DATABASE}?host={quote(hosts, safe=',')}"
            "&target_session_attrs=read-write"
        )

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
