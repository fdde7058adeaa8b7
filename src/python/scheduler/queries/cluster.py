"""The cluster as pages and commands show it: who leads, who works, how loaded they are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.domain.values import DesiredMode, LeaseState, Role
from scheduler.models import Cluster, WorkerLease
from scheduler.store.clock import rdb_now

RECENTLY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker by its lease row. ``lease_left_seconds`` is negative once the lease ran out."""

    worker_id: str
    node_id: str
    hostname: str
    pid: int
    address: str
    role: Role
    state: LeaseState
    desired: DesiredMode
    suspect: bool
    open_runs: int
    capacity: int
    queues: tuple[str, ...]
    labels: dict[str, str]
    lease_left_seconds: float
    registered_at: datetime
    ended_at: datetime | None
    config_revision: int
    software_version: str


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The cluster at ``at``, the RDB's time. ``workers`` are the live ones, oldest first;
    ``ended`` those that were lost or left within the last 15 minutes."""

    at: datetime
    epoch: int
    leader_worker_id: str | None
    leader_address: str
    leader_seen_seconds: float | None
    trust_seconds: float
    released: bool
    subleader_worker_id: str | None
    paused: bool
    config_revision: int
    workers: tuple[WorkerStatus, ...]
    ended: tuple[WorkerStatus, ...]
    paused_at: datetime | None = None
    paused_by: str = ""
    pause_reason: str = ""

    @property
    def has_leader(self) -> bool:
        """Whether someone leads: not released, and seen within the time it is trusted for."""
        seen = self.leader_seen_seconds
        return not self.released and seen is not None and seen <= self.trust_seconds


def cluster_status() -> ClusterStatus:
    """The cluster row and the lease rows as they are now."""
    now, row = rdb_now(), Cluster.objects.get(pk=1)
    leases = WorkerLease.objects.order_by("registered_at", "worker_id")
    ended = leases.exclude(state="LIVE").filter(ended_at__gte=now - RECENTLY)
    return ClusterStatus(
        at=now,
        epoch=row.epoch,
        leader_worker_id=row.leader_worker_id,
        leader_address=row.leader_address,
        leader_seen_seconds=_seconds(row.leader_seen_at, now),
        trust_seconds=row.trust_seconds,
        released=row.released,
        subleader_worker_id=row.subleader_worker_id,
        paused=row.paused,
        paused_at=row.paused_at,
        paused_by=row.paused_by,
        pause_reason=row.pause_reason,
        config_revision=row.config_revision,
        workers=tuple(_worker(lease, row, now) for lease in leases.filter(state="LIVE")),
        ended=tuple(_worker(lease, row, now) for lease in ended),
    )


def _worker(lease: WorkerLease, cluster: Cluster, now: datetime) -> WorkerStatus:
    age = (now - lease.renewed_at).total_seconds()
    return WorkerStatus(
        worker_id=lease.worker_id,
        node_id=lease.node_id,
        hostname=lease.hostname,
        pid=lease.pid,
        address=lease.grpc_address,
        role=_role(lease, cluster),
        state=LeaseState(lease.state),
        desired=DesiredMode(lease.desired),
        suspect=lease.suspect_since is not None,
        open_runs=lease.open_runs,
        capacity=lease.capacity,
        queues=tuple(lease.queues),
        labels=lease.labels,
        lease_left_seconds=lease.lease_seconds - age,
        registered_at=lease.registered_at,
        ended_at=lease.ended_at,
        config_revision=lease.config_revision,
        software_version=lease.software_version,
    )


def _role(lease: WorkerLease, cluster: Cluster) -> Role:
    if lease.worker_id == cluster.leader_worker_id and not cluster.released:
        return Role.LEADER
    if lease.worker_id == cluster.subleader_worker_id:
        return Role.SUBLEADER
    return Role.WORKER


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())
