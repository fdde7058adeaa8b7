"""The words of the domain as types: shared by every layer, decided by none of them.

All instants are aware datetimes in UTC unless a name says otherwise. ``boottime`` floats are
seconds of CLOCK_BOOTTIME, comparable only on the machine that read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class RunState(StrEnum):
    """Where a JobRun stands; ``domain.transitions`` holds the only table of moves."""

    PENDING = "PENDING"
    ASSIGNED = "ASSIGNED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELED = "CANCELED"
    ORPHANED = "ORPHANED"
    SKIPPED = "SKIPPED"


OPEN_STATES = frozenset({RunState.PENDING, RunState.ASSIGNED, RunState.RUNNING})
FINISHED_STATES = frozenset(RunState) - OPEN_STATES


class LeaseState(StrEnum):
    """State of a worker's lease row. SUSPECT is LIVE with ``suspect_since`` set."""

    LIVE = "LIVE"
    LOST = "LOST"
    LEFT = "LEFT"


class DesiredMode(StrEnum):
    """What an operator asked of a worker: take new runs, finish and take none, or stand aside."""

    ACTIVE = "active"
    DRAINING = "draining"
    DETACHED = "detached"


class Role(StrEnum):
    LEADER = "leader"
    SUBLEADER = "subleader"
    WORKER = "worker"


class Reason(StrEnum):
    """Why a run was skipped, waits, or ended as it did. Kept in ``JobRun.reason``."""

    SKIP_LATE = "SKIP_LATE"
    MISFIRE_SKIPPED = "MISFIRE_SKIPPED"
    MISFIRE_COALESCED = "MISFIRE_COALESCED"
    CALENDAR = "CALENDAR"
    CONCURRENCY_FORBID = "CONCURRENCY_FORBID"
    WAIT_NO_WORKER = "WAIT_NO_WORKER"
    WAIT_NO_QUEUE = "WAIT_NO_QUEUE"
    WAIT_NO_LABEL = "WAIT_NO_LABEL"
    WAIT_NO_CAPABILITY = "WAIT_NO_CAPABILITY"
    WAIT_CAPACITY = "WAIT_CAPACITY"
    WAIT_MAX_PARALLEL = "WAIT_MAX_PARALLEL"
    WAIT_REPLACE = "WAIT_REPLACE"
    WAIT_PAUSED = "WAIT_PAUSED"
    WAIT_QUARANTINED = "WAIT_QUARANTINED"
    WAIT_REPLAY = "WAIT_REPLAY"
    WAIT_UPSTREAM = "WAIT_UPSTREAM"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"
    WAIT_START_CAP = "WAIT_START_CAP"
    WAIT_RETRY_BUDGET = "WAIT_RETRY_BUDGET"
    RETRY_BUDGET = "RETRY_BUDGET"
    CANCELED_BY_REQUEST = "CANCELED_BY_REQUEST"
    REPLACED = "REPLACED"
    REASSIGNED = "REASSIGNED"
    EXIT_CODE = "EXIT_CODE"
    KILLED_BY_SIGNAL = "KILLED_BY_SIGNAL"
    TIMEOUT = "TIMEOUT"
    NEVER_STARTED = "NEVER_STARTED"
    START_FAILED = "START_FAILED"
    WORKER_LOST = "WORKER_LOST"
    FORK_SERVER_LOST = "FORK_SERVER_LOST"
    LEASE_LOST = "LEASE_LOST"


@dataclass(frozen=True, slots=True)
class Fence:
    """The proof of leadership that every leader write carries."""

    epoch: int
    term_id: UUID


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed or orphaned attempt is followed by another (see ``domain.retries``)."""

    max_attempts: int = 1
    backoff_seconds: float = 10.0
    backoff_factor: float = 2.0
    backoff_max_seconds: float = 600.0
    jitter: float = 0.1
    retry_on_orphan: bool = True
    max_orphans: int = 2


@dataclass(frozen=True, slots=True)
class StartOrder:
    """One run handed to a worker: all it needs to claim and execute it.

    ``assign_seq`` is ``epoch << 32 | counter``: it rises with every assignment of the cluster,
    fences the claim, and reaches the job as ``SCHEDULER_FENCING_TOKEN``.
    ``start_in_seconds`` counts from receipt (never an instant: clocks differ).
    ``event_id`` names the event that started the run; ``event_json`` is that event's document,
    which the worker reads just before the claim.
    """

    run_id: UUID
    assign_seq: int
    start_in_seconds: float
    definition_id: int
    job_name: str
    attempt: int
    orphan_count: int
    slot_key: str
    scheduled_for: datetime
    executor: str
    command: str
    args: Any = None
    isolation: str = "fork"
    timeout_seconds: float | None = None
    kill_grace_seconds: float = 10.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    event_id: UUID | None = None
    event_json: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A won claim with all that makes its row again where a fail-over of the RDB lost it.

    ``args`` are None where the definition's own count. ``at`` is the boottime of the claim.
    ``event_json`` is the document of the event that started the run: its row may be lost too.
    """

    run_id: UUID
    definition_id: int
    slot_key: str
    attempt: int
    orphan_count: int
    scheduled_for: datetime
    assign_seq: int
    claim_token: UUID
    worker_id: str
    args: Any
    at: float
    event_id: UUID | None = None
    event_json: str | None = None


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """One process to start. ``argv`` is the management command's name and its arguments."""

    run_id: UUID
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log_path: str
    isolation: str = "fork"
    timeout_seconds: float | None = None
    kill_grace_seconds: float = 10.0
    executor: str = "management_command"


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """What one run cost: CPU seconds, peak resident bytes, storage bytes (None: unknown)."""

    cpu_user_seconds: float = 0.0
    cpu_system_seconds: float = 0.0
    max_rss_bytes: int = 0
    read_bytes: int | None = None
    write_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    run_id: UUID
    pid: int
    at_boottime: float


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """A run's whole process group is reaped. Exactly one of exit_code and signal is set."""

    run_id: UUID
    exit_code: int | None
    signal: int | None
    at_boottime: float
    timed_out: bool = False
    canceled: bool = False
    lease_lost: bool = False
    use: ResourceUse = field(default_factory=ResourceUse)


@dataclass(frozen=True, slots=True)
class ProcessNotStarted:
    """``blameless``: the host would not start it (the lease is over, the worker stops), which is
    no fault of the job."""

    run_id: UUID
    error: str
    blameless: bool = False


@dataclass(frozen=True, slots=True)
class ForkServerLost:
    """The fork server died; every process of ``run_ids`` was killed and reaped before this."""

    run_ids: tuple[UUID, ...]


ProcessEvent = ProcessStarted | ProcessExited | ProcessNotStarted | ForkServerLost


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a claimed run ended, as its worker records it.

    ``retry_delay_seconds`` is None when no further attempt follows (decided by
    ``domain.retries`` before it is written, so that the finish is one statement).
    """

    run_id: UUID
    claim_token: UUID
    state: RunState
    reason: Reason | None = None
    exit_code: int | None = None
    error: str = ""
    retry_delay_seconds: float | None = None
    use: ResourceUse = field(default_factory=ResourceUse)
    log_ref: str = ""
    quarantine: bool = False
    """Set the definition's ``quarantined_at`` with this result (orphan policy)."""


@dataclass(frozen=True, slots=True)
class RunTransition:
    """One change of a run's state, as it was committed. ``at`` is aware UTC.

    ``(run_id, old, new, at)`` identifies it: the same one may be delivered more than once.
    """

    run_id: UUID
    definition_id: int
    job_name: str
    attempt: int
    old: RunState
    new: RunState
    reason: str
    worker_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker says of itself when it registers; unchanging for its life."""

    worker_id: str
    node_id: str
    hostname: str
    pid: int
    grpc_address: str
    queues: tuple[str, ...]
    labels: Mapping[str, str]
    capacity: int
    lease_seconds: float
    margin_seconds: float
    protocol_version: int
    capabilities: tuple[str, ...]
    software_version: str


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A lease row as the leader and the pages see it; ages by the RDB's clock."""

    facts: WorkerFacts
    state: LeaseState
    desired: DesiredMode
    suspect: bool
    registered_at: datetime
    renewed_age_seconds: float
    open_runs: int
    replayed_timeline: int = 0
    """The RDB's timeline up to which it has replayed what it wrote; 0: it does not take part."""


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """The RDB's answer to a lease renewal."""

    epoch: int
    desired: DesiredMode
    hold_seq: int
    config_revision: int
    db_now: datetime
    timeline: int = 0
    """Of the RDB: it rises with each fail-over of PostgreSQL; 0 on SQLite."""


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The cluster row, with ages by the RDB's clock (None: never happened).

    ``timeline`` as in LeaseAnswer.
    """

    epoch: int
    term_id: UUID | None
    leader_worker_id: str | None
    leader_address: str
    leader_seen_age_seconds: float | None
    term_age_seconds: float | None
    released: bool
    subleader_worker_id: str | None
    trust_seconds: float
    backend_pid: int | None
    flaps: int
    hold_seq: int
    paused: bool
    config_revision: int
    degrade_requested: bool
    db_now: datetime
    timeline: int = 0
