"""The cluster as operators steer it: workers drained or detached, the leader degraded, a pause."""

from django.db.models import F

from scheduler.domain.errors import WorkerNotFound
from scheduler.domain.values import DesiredMode
from scheduler.models import Cluster, WorkerLease
from scheduler.requests.recording import Ring, record, tell, writing


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


def pause(*, by: str, ring: Ring | None = None) -> bool:
    """Start nothing any more, in the whole cluster; what runs goes on. False if paused already."""
    return _set_paused(True, by, ring)


def resume(*, by: str, ring: Ring | None = None) -> bool:
    """Start runs again. False when the cluster was not paused."""
    return _set_paused(False, by, ring)


def _set_paused(paused: bool, by: str, ring: Ring | None) -> bool:
    with writing():
        changed = Cluster.objects.filter(pk=1, paused=not paused).update(
            paused=paused, hold_seq=F("hold_seq") + 1
        )
        if not changed:
            return False
        record("cluster_paused" if paused else "cluster_resumed", "cluster", by)
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
