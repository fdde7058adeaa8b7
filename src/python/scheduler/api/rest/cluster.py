"""The cluster as operators see and steer it: workers, the leader, the pause."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from scheduler.api.rest.access import by
from scheduler.api.rest.answering import operation
from scheduler.api.rest.reading import Text, only_known
from scheduler.api.rest.refusals import NoLeader
from scheduler.domain.errors import WorkerNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.domain.values import DesiredMode, LeaseState, Role, RunState
from scheduler.queries.cluster import WorkerStatus, cluster_status
from scheduler.queries.runs import due_next, runs_by_state
from scheduler.requests.cluster import (
    pause,
    request_degrade_leader,
    request_detach,
    request_drain,
    request_undo_drain,
    resume,
)

router = Router(tags=["cluster"])


class PauseQuery(Schema):
    reason: Text = Field("", description="Why: shown to whoever asks what is going on.")


class WorkerOut(Schema):
    """One worker by its lease; ``lease_left_seconds`` is negative once that ran out."""

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
    queues: list[str]
    labels: dict[str, str]
    lease_left_seconds: float
    registered_at: datetime
    ended_at: datetime | None
    config_revision: int
    software_version: str


class WorkersOut(Schema):
    """Live ones, oldest first; ``ended`` left or were lost within the last 15 minutes."""

    workers: list[WorkerOut]
    ended: list[WorkerOut]


class DueOut(Schema):
    job_name: str
    due_at: datetime
    run_id: UUID | None


class ClusterOut(Schema):
    """``at`` is the database's time. ``runs`` counts open runs, and those planned within the last
    hour that have ended, by state."""

    at: datetime
    has_leader: bool
    epoch: int
    leader_worker_id: str | None
    leader_address: str
    leader_seen_seconds: float | None
    trust_seconds: float
    subleader_worker_id: str | None
    paused: bool
    config_revision: int
    live_workers: int
    runs: dict[RunState, int]
    due_next: list[DueOut]


class PauseOut(Schema):
    """``changed`` is false where it was so before."""

    paused: bool
    changed: bool


class DegradeOut(Schema):
    leader_worker_id: str


@router.get("/cluster", **operation(TokenScope.READ, ClusterOut, checked=False))
def get_cluster(request: HttpRequest) -> Any:
    """Who leads, what runs, what is due next."""
    status = cluster_status()
    own = ("at", "has_leader", "epoch", "leader_worker_id", "leader_address", "paused")
    more = ("leader_seen_seconds", "trust_seconds", "subleader_worker_id", "config_revision")
    return {name: getattr(status, name) for name in (*own, *more)} | {
        "live_workers": len(status.workers),
        "runs": runs_by_state(),
        "due_next": due_next(),
    }


@router.get("/workers", **operation(TokenScope.READ, WorkersOut, checked=False))
def list_workers(request: HttpRequest) -> Any:
    """The workers."""
    return cluster_status()


@router.get(
    "/workers/{worker}", **operation(TokenScope.READ, WorkerOut, WorkerNotFound, checked=False)
)
def get_worker(request: HttpRequest, worker: str) -> Any:
    """A worker by its id: a live one, or one that ended within the last 15 minutes."""
    return _worker(worker)


@router.post(
    "/workers/{worker}/drain",
    **operation(TokenScope.WORKERS_WRITE, WorkerOut, WorkerNotFound, checked=False),
)
def drain_worker(request: HttpRequest, worker: str) -> Any:
    """Let a worker end what it runs and take no more."""
    return _asked(request, worker, request_drain)


@router.post(
    "/workers/{worker}/detach",
    **operation(TokenScope.WORKERS_WRITE, WorkerOut, WorkerNotFound, checked=False),
)
def detach_worker(request: HttpRequest, worker: str) -> Any:
    """Let a worker stand aside: no runs, no leadership."""
    return _asked(request, worker, request_detach)


@router.post(
    "/workers/{worker}/activate",
    **operation(TokenScope.WORKERS_WRITE, WorkerOut, WorkerNotFound, checked=False),
)
def activate_worker(request: HttpRequest, worker: str) -> Any:
    """Undo a drain or a detachment."""
    return _asked(request, worker, request_undo_drain)


@router.post(
    "/cluster/degrade-leader",
    **operation(
        TokenScope.WORKERS_WRITE, DegradeOut, NoLeader, status=HTTPStatus.ACCEPTED, checked=False
    ),
)
def degrade_leader(request: HttpRequest) -> Any:
    """Let the leader hand over to its successor; it goes on as a worker."""
    leader = request_degrade_leader(by=by(request))
    if leader is None:
        raise NoLeader("Nobody leads: there is no leader to degrade.")
    return Status(HTTPStatus.ACCEPTED.value, {"leader_worker_id": leader})


@router.post("/cluster/pause", **operation(TokenScope.WORKERS_WRITE, PauseOut))
def pause_cluster(request: HttpRequest, query: Query[PauseQuery]) -> Any:
    """Start nothing any more, in the whole cluster; what runs goes on. It outlives restarts."""
    only_known(request, PauseQuery)
    return {"changed": pause(by=by(request), reason=query.reason), "paused": True}


@router.post("/cluster/resume", **operation(TokenScope.WORKERS_WRITE, PauseOut, checked=False))
def resume_cluster(request: HttpRequest) -> Any:
    """Start runs again."""
    return {"changed": resume(by=by(request)), "paused": False}


def _asked(request: HttpRequest, worker: str, wish: Callable[..., None]) -> WorkerStatus:
    wish(worker, by=by(request))
    return _worker(worker)


def _worker(worker_id: str) -> WorkerStatus:
    status = cluster_status()
    found = (one for one in (*status.workers, *status.ended) if one.worker_id == worker_id)
    worker = next(found, None)
    if worker is None:
        raise WorkerNotFound(worker_id)
    return worker
