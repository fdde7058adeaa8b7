"""What the plugins of a worker see of it (``plugin_api.services.WorkerView``)."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from scheduler.coordination.connection import RedisConnection
from scheduler.domain.errors import DatabaseUnavailable, RedisUnavailable
from scheduler.domain.values import DesiredMode
from scheduler.plugin_api.metrics import Metric
from scheduler.plugin_api.services import LocalLog, LoopPulse, Readiness, WorkerSnapshot
from scheduler.runtime.parts import Parts
from scheduler.store.probe import probe
from scheduler.store.sessions import Database
from scheduler.transport.tls import CertificateWatch


class WorkerSight:
    """One worker as its plugins see it. Safe for threads."""

    def __init__(
        self,
        parts: Parts,
        database: Database,
        redis: RedisConnection,
        certificates: CertificateWatch | None,
        log_dir: Path,
        metrics: Callable[[], tuple[Metric, ...]],
    ) -> None:
        self._parts, self._database, self._redis = parts, database, redis
        self._certificates, self._log_dir = certificates, log_dir
        self._metrics = metrics
        self._pulses: Callable[[], tuple[LoopPulse, ...]] = tuple

    def sees_loops(self, pulses: Callable[[], tuple[LoopPulse, ...]]) -> None:
        """The worker is made after its view: hand in what tells of its loops."""
        self._pulses = pulses

    def snapshot(self) -> WorkerSnapshot:
        member, term = self._parts.member, self._parts.leadership.term
        return WorkerSnapshot(
            worker_id=member.worker_id,
            node_id=member.facts.node_id,
            role=str(member.role),
            epoch=term.epoch if term else None,
            joined=member.joined,
            draining=member.stopping or member.desired is not DesiredMode.ACTIVE,
            capacity=member.facts.capacity,
            running=len(self._parts.agent.running()),
            certificate_expires_at=self._expiry(),
        )

    def readiness(self) -> tuple[Readiness, ...]:
        return (
            self._database_ready(),
            self._redis_ready(),
            self._certificate_ready(datetime.now(UTC)),
            self._registered(),
        )

    def loops(self) -> tuple[LoopPulse, ...]:
        return self._pulses()

    def local_logs(self) -> Iterator[LocalLog]:
        for path in self._log_dir.glob("*/*/*.log"):
            log = _local_log(path)
            if log is not None:
                yield log

    def running(self) -> frozenset[UUID]:
        return frozenset(self._parts.agent.running())

    def metrics(self) -> tuple[Metric, ...]:
        return self._metrics()

    def _expiry(self) -> datetime | None:
        return self._certificates.current()[1].not_after if self._certificates else None

    def _database_ready(self) -> Readiness:
        try:
            probe(self._database)
        except DatabaseUnavailable as error:
            return Readiness("database", False, str(error))
        return Readiness("database", True, "The database answers.")

    def _redis_ready(self) -> Readiness:
        try:
            self._redis.ping()
        except RedisUnavailable as error:
            return Readiness("redis", False, str(error))
        return Readiness("redis", True, "Redis answers.")

    def _certificate_ready(self, now: datetime) -> Readiness:
        expiry = self._expiry()
        if expiry is None:
            return Readiness("certificate", True, "None is needed: gRPC runs without TLS.")
        ends = "ends" if now < expiry else "ended"
        summary = f"The certificate {ends} on {expiry:%Y-%m-%d %H:%M} UTC."
        return Readiness("certificate", now < expiry, summary)

    def _registered(self) -> Readiness:
        member = self._parts.member
        now = self._parts.adapters.clock.boottime()
        if member.joined and not member.deadline.must_kill(now):
            return Readiness("registered", True, f"Worker {member.worker_id} holds its lease.")
        return Readiness("registered", False, f"Worker {member.worker_id} holds no lease.")


def _local_log(path: Path) -> LocalLog | None:
    """None for a file that is no run's log."""
    try:
        day, run_id = date.fromisoformat(path.parts[-3]), UUID(path.stem)
    except ValueError:
        return None
    return LocalLog(run_id, day, path.parts[-2], path)
