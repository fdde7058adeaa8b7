"""The cluster as operators steer it: workers drained or detached, the leader degraded, a pause."""

from django.db.models import F

from scheduler.domain.alerts import AlertCode
from scheduler.domain.errors import WorkerNotFound
from scheduler.domain.values import DesiredMode
from scheduler.models import Cluster, WorkerLease
from scheduler.requests.alerting import alert, said
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.store.clock import rdb_now


def request_drain(worker_id: str, *, by: str, ring: Ring | None = None) -> None:
    """Let a worker end what it runs and take no more. Raises WorkerNotFound."""
    _desire(worker_id, DesiredMode.DRAINING, "worker_drained", by, ring)


def request_detach(worker_id: str, *, by: str, ring: Ring | None = None) -> None:
    """Let a worker stand aside: no runs, no leadership. Raises WorkerNotFound."""
    _desire(worker_id, DesiredMode.DETACHED, "worker_detached", by, ring)


def request_undo_drain(worker_id: str, *, by: str, ring: Ring | None = None) -> None:
    """Take a drain or a detachment back. Raises WorkerNotFound."""
    _desire(worker_id, DesiredMode.ACTIVE, "worker_activated", by, ring)


def request_degrade_leader(*, by: str, ring: Ring | None = None) -> str | None:
    """Let the leader hand over; returns its id, None when nobody leads."""
    with writing():
        leader = Cluster.objects.values_list("leader_worker_id", flat=True).get(pk=1)
        if leader is None:
            return None
        Cluster.objects.filter(pk=1, leader_worker_id=leader).update(degrade_requested=True)
        record("leader_degraded", leader, by)
        tell(ring, "leader")
    return leader


def pause(*, by: str, reason: str = "", ring: Ring | None = None) -> bool:
    """Start nothing any more, in the whole cluster, until it is resumed; what runs goes on.

    False when it is paused already; then who paused it first, and why, stays."""
    with writing():
        now = rdb_now()
        changed = Cluster.objects.filter(pk=1, paused=False).update(
            paused=True,
            hold_seq=F("hold_seq") + 1,
            paused_at=now,
            paused_by=by[:150],
            pause_reason=reason,
        )
        if not changed:
            return False
        record("cluster_paused", "cluster", by, reason=reason)
        alert(AlertCode.CLUSTER_PAUSED, f"{by} paused the cluster{said(reason)}", now)
        tell(ring, "leader", "workers")
    return True


def resume(*, by: str, ring: Ring | None = None) -> bool:
    """Start runs again. False when the cluster was not paused."""
    with writing():
        now = rdb_now()
        changed = Cluster.objects.filter(pk=1, paused=True).update(
            paused=False,
            hold_seq=F("hold_seq") + 1,
            paused_at=None,
            paused_by="",
            pause_reason="",
        )
        if not changed:
            return False
        record("cluster_resumed", "cluster", by)
        alert(AlertCode.CLUSTER_RESUMED, f"{by} resumed the cluster.", now)
        tell(ring, "leader", "workers")
    return True


def _desire(worker_id: str, mode: DesiredMode, action: str, by: str, ring: Ring | None) -> None:
    with writing():
        lease = WorkerLease.objects.filter(pk=worker_id, state="LIVE").first()
        if lease is None:
            raise WorkerNotFound(worker_id)
        WorkerLease.objects.filter(pk=worker_id).update(desired=mode.value)
        record(action, worker_id, by)
        tell(ring, "leader", "workers", f"worker:{lease.grpc_address}")
