"""A cluster in which each line of each worker can be cut by itself.

Every worker reaches PostgreSQL and Valkey, and is reached by the others' gRPC calls, through a
``Proxy`` of its own: ``cluster.lines_of(worker).rdb.silence()`` is a partition of that one line.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scheduler_demo.cluster import DATABASE
from scheduler_demo.processes import GuardedProcess
from scheduler_demo.services import EmbeddedValkey
from scheduler_demo.workers import WorkerProcess
from tests.e2e.advertised import ENVIRONMENT_NAME, PORT_FILE
from tests.e2e.cluster import Cluster
from tests.e2e.proxy import Proxy

# The election as at defaults; leases are short.
ELECTION_DEFAULTS = {
    "SCHEDULER_HEARTBEAT_INTERVAL_SECONDS": "1",
    "SCHEDULER_LEADER_LOCK_TTL_SECONDS": "5",
    "SCHEDULER_LEADER_STALE_SECONDS": "4",
    "SCHEDULER_LEADER_TRUST_SECONDS": "6",
    "SCHEDULER_CONTINUATION_CONFIRM_SECONDS": "3",
    "SCHEDULER_REASSIGN_ASSIGNED_AFTER_SECONDS": "15",
}


@dataclass(frozen=True, slots=True)
class Lines:
    """One worker's lines. ``grpc`` leads to it: cutting it cuts all who call the worker."""

    rdb: Proxy
    redis: Proxy
    grpc: Proxy

    def all(self) -> Iterable[Proxy]:
        return (self.rdb, self.redis, self.grpc)


class AdvertisedWorker(WorkerProcess):
    """A worker known to others by its proxy's address."""

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.e2e.advertised", "scheduler_worker"]
        command += ["--node-id", self.node_id, *self._options]
        self._process = GuardedProcess(command, self.log_path, env=self._environment)


class PartitionableCluster(Cluster):
    """``redis_target`` is the Valkey behind every worker's line; assign another to fail over."""

    def __init__(
        self,
        folder: Path,
        jobs: Sequence[Mapping[str, Any]],
        *,
        workers: int = 3,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            folder, jobs, workers=workers, settings={**ELECTION_DEFAULTS, **(settings or {})}
        )
        self.redis_target: EmbeddedValkey = self.valkey
        self._proxies: dict[int, Lines] = {}
        self._replication: Proxy | None = None

    def lines_of(self, worker: WorkerProcess) -> Lines:
        return self._proxies[worker.number]

    def replication_line(self) -> Proxy:
        """A TCP line to the cluster's Valkey, for a replica of it."""
        if self._replication is None:
            self._replication = Proxy(lambda: str(self.valkey.socket))
        return self._replication

    def heal(self) -> None:
        """All lines pass again."""
        for proxy in self._all_proxies():
            proxy.heal()

    def mend(self) -> None:
        """As ``Cluster.mend``; the leader hears from every worker, and no run waits that was due
        before: starts seen from now on are those of slots due from now on."""
        self.heal()
        super().mend()
        self.wait_until(lambda: not self.suspects(), "an end of all doubts", 15.0)
        now = datetime.now(UTC)
        self.wait_until(lambda: not self._waiting(now), "an end of what waited", 40.0)

    def suspects(self) -> list[str]:
        """Ids of the live workers whose continuation is in doubt."""
        query = "SELECT worker_id FROM scheduler_worker_lease WHERE suspect_since IS NOT NULL"
        return [str(row[0]) for row in self.ledger._rows(f"{query} AND state = 'LIVE'")]

    def stop(self, *, grace_seconds: float = 60.0) -> None:
        self.heal()
        super().stop(grace_seconds=grace_seconds)
        for proxy in self._all_proxies():
            proxy.close()
        if self._replication is not None:
            self._replication.close()

    def make_worker(self, number: int) -> WorkerProcess:
        # The worker takes any free port and tells which: one chosen here could be gone by then.
        port_file = self.layout.root / f"worker-{number}.port"
        lines = self._proxies[number] = Lines(
            rdb=Proxy(self._rdb_target()),
            redis=Proxy(lambda: str(self.redis_target.socket)),
            grpc=Proxy(lambda: int(port_file.read_text())),
        )
        environment = {
            **self.worker_environment(number),
            "DATABASE_URL": f"postgresql://postgres@{lines.rdb.address}/{DATABASE}",
            "SCHEDULER_REDIS_URL": f"redis://{lines.redis.address}/0",
            ENVIRONMENT_NAME: lines.grpc.address,
            PORT_FILE: str(port_file),
        }
        log_path = self.layout.logs / f"worker-{number}.log"
        return AdvertisedWorker(number, environment, log_path, self._worker_options)

    def _waiting(self, now: datetime) -> bool:
        return any(r.due_at <= now and r.state in ("PENDING", "ASSIGNED") for r in self.runs())

    def _rdb_target(self) -> Callable[[], str]:
        postgres = self.postgres
        assert postgres is not None
        return lambda: str(postgres.socket)

    def _all_proxies(self) -> list[Proxy]:
        return [proxy for lines in self._proxies.values() for proxy in lines.all()]
