"""Values for the tests of the domain, with defaults that make a healthy, dull world."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from scheduler.domain.assignment import AssignmentPolicies, WorkerSlot, assign
from scheduler.domain.planning import slot_key
from scheduler.domain.values import (
    ClusterView,
    DesiredMode,
    LeaseState,
    Reason,
    RunState,
    WorkerFacts,
    WorkerView,
)

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def run_id(number: int) -> UUID:
    return UUID(int=number)


def worker_view(worker_id: str = "w-1", **changes: Any) -> WorkerView:
    facts = WorkerFacts(
        worker_id=worker_id,
        node_id=changes.pop("node_id", "node-a"),
        hostname="host",
        pid=1,
        grpc_address="127.0.0.1:50051",
        queues=changes.pop("queues", ("default",)),
        labels=changes.pop("labels", {}),
        capacity=changes.pop("capacity", 4),
        lease_seconds=changes.pop("lease_seconds", 10.0),
        margin_seconds=changes.pop("margin_seconds", 3.0),
        protocol_version=1,
        capabilities=("executor:management_command",),
        software_version="0",
    )
    return WorkerView(
        facts=facts,
        state=changes.pop("state", LeaseState.LIVE),
        desired=changes.pop("desired", DesiredMode.ACTIVE),
        suspect=changes.pop("suspect", False),
        registered_at=changes.pop("registered_at", NOW),
        renewed_age_seconds=changes.pop("renewed_age_seconds", 0.5),
        open_runs=0,
        **changes,
    )


def cluster_view(**changes: Any) -> ClusterView:
    healthy: dict[str, Any] = {
        "epoch": 41,
        "term_id": UUID(int=41),
        "leader_worker_id": "w-leader",
        "leader_address": "127.0.0.1:50050",
        "leader_seen_age_seconds": 0.4,
        "term_age_seconds": 3600.0,
        "released": False,
        "subleader_worker_id": "w-1",
        "trust_seconds": 4.0,
        "backend_pid": 7,
        "flaps": 0,
        "hold_seq": 0,
        "paused": False,
        "config_revision": 0,
        "degrade_requested": False,
        "db_now": NOW,
    }
    return ClusterView(**(healthy | changes))


@dataclass(frozen=True)
class Waiting:
    """A WaitingRun."""

    run_id: UUID = field(default_factory=lambda: run_id(1))
    definition_id: int = 1
    slot_key: str = slot_key(NOW)
    attempt: int = 1
    scheduled_for: datetime = NOW
    due_at: datetime = NOW
    priority: int = 0
    queue: str = "default"
    required_labels: dict[str, str] = field(default_factory=dict)
    executor: str = "management_command"
    concurrency_policy: str = "allow"
    max_parallel: int | None = None
    skip_late_after_seconds: int | None = None
    cancel_requested: bool = False
    quarantined: bool = False
    reason: Reason | None = None
    depends: bool = False
    start_cap_per_minute: int | None = None
    retry_budget_per_hour: int | None = None
    quarantine_after_failures: int | None = None
    own_retry: bool = False


@dataclass(frozen=True)
class Active:
    """An ActiveRun."""

    run_id: UUID = field(default_factory=lambda: run_id(100))
    definition_id: int = 1
    state: RunState = RunState.RUNNING
    worker_id: str = "w-1"
    cancel_requested: bool = False


def place(worker_id="w-1", **changes):
    facts: dict[str, Any] = {
        "queues": frozenset({"default"}),
        "labels": {},
        "capabilities": frozenset({"executor:management_command"}),
        "capacity": 4,
        "open_runs": 0,
    }
    return WorkerSlot(worker_id, **(facts | changes))


def decide(runs, workers, active=(), now=NOW, **policies):
    return assign(runs, list(active), workers, now, AssignmentPolicies(**policies))


def waiting(number, **changes):
    return Waiting(run_id=run_id(number), definition_id=number, **changes)
