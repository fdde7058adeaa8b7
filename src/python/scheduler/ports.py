"""What the runtime needs of the world, as Protocols: one per thing that has two implementations.

The runtime (``scheduler.runtime``) is written against these alone; ``scheduler.bootstrap`` hands
it the real ones, ``scheduler.testing`` the fakes. Contract suites run against both.

Every method may raise ``DatabaseUnavailable`` / ``RedisUnavailable`` / ``PeerUnreachable`` where
it talks to that part; leader writes raise ``StaleEpoch`` when the fence no longer holds. Nothing
else of the libraries underneath comes through.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from scheduler.domain.values import (
    Claim,
    ClusterView,
    Fence,
    LaunchSpec,
    LeaseAnswer,
    ProcessEvent,
    Reason,
    RunResult,
    RunState,
    RunTransition,
    StartOrder,
    WorkerFacts,
    WorkerView,
)

# ---------------------------------------------------------------------------------------- time


class Clock(Protocol):
    """Clocks of this machine. Only the supervisor and adapters own one; deciders get numbers."""

    def boottime(self) -> float:
        """Seconds of CLOCK_BOOTTIME: goes on while the machine is suspended."""

    def now(self) -> datetime:
        """Cluster time: the RDB's clock, carried on by the monotonic clock. Aware UTC."""

    def observe(self, db_now: datetime, asked_at: float, answered_at: float) -> None:
        """Learn the RDB's clock from one round trip (boottimes around it); the shortest wins."""


# ----------------------------------------------------------------------------------------- RDB


class ClusterStore(Protocol):
    """The cluster row: the authority over who leads."""

    def read(self) -> ClusterView: ...

    def bump(
        self,
        *,
        seen_epoch: int,
        new_epoch: int,
        term_id: UUID,
        worker_id: str,
        address: str,
        trust_seconds: float,
        flaps: int,
    ) -> bool:
        """Compare-and-set the epoch; False when another won. An unknown outcome is read again:
        finding ``term_id`` there means won. Ends the recorded backend of the old leader when
        blocked by it for over 500 ms. Records this connection's backend pid."""

    def renew(self, fence: Fence) -> ClusterView:
        """Commit ``leader_seen_at = clock_timestamp()``. Raises StaleEpoch."""

    def release(self, fence: Fence) -> None:
        """Give the term up on purpose: the next bump need not wait. Raises StaleEpoch."""

    def name_subleader(self, fence: Fence, worker_id: str | None) -> None: ...


class OnTimeline(Protocol):
    def expect_timeline(self, timeline: int) -> None:
        """From now on each method raises TimelineChanged while the RDB is on another timeline."""


class LeaseStore(OnTimeline, Protocol):
    """Worker lease rows."""

    def register(self, facts: WorkerFacts, *, replayed_timeline: int = 0) -> LeaseAnswer:
        """``replayed_timeline`` is that of the process's earlier life; 0: there was none."""

    def renew(self, worker_id: str, *, open_runs: int) -> LeaseAnswer | None:
        """Renew my lease WHERE state = 'LIVE'; None when the lease is no longer mine to renew."""

    def leave(self, worker_id: str) -> None:
        """LIVE -> LEFT, on a clean stop with no run left."""

    def live(self) -> list[WorkerView]:
        """All LIVE rows, oldest first."""

    def mark_suspect(self, fence: Fence, worker_ids: Sequence[str], *, suspect: bool) -> None: ...

    def mark_lost(self, fence: Fence, worker_ids: Sequence[str]) -> list[str]:
        """LIVE -> LOST where ``renewed_at + lease_seconds + margin < clock_timestamp()`` holds in
        the statement itself; returns those that changed."""

    def acknowledge_config(self, worker_id: str, revision: int) -> None: ...


@dataclass(frozen=True, slots=True)
class NewRun:
    """A row to insert. ``args`` None means the definition's default."""

    run_id: UUID
    definition_id: int
    slot_key: str
    attempt: int
    state: RunState
    scheduled_for: datetime
    due_at: datetime
    scheduled_until: datetime | None = None
    slot_count: int = 1
    reason: Reason | None = None
    reason_detail: str = ""


@dataclass(frozen=True, slots=True)
class CursorMove:
    """One definition's plan: the move of its cursor and the rows that the move covers.

    All of it happens, or (the definition was edited, or the cursor was moved) none of it.
    """

    definition_id: int
    revision: int
    planned_until_old: datetime
    planned_until_new: datetime
    next_fire_at: datetime | None
    runs: tuple[NewRun, ...]
    replaces_after: datetime | None = None
    """After an edit: timed rows (``t:``) not started, first attempts, with ``scheduled_for`` after
    this whose slot_key is not among ``runs`` are deleted in the same statement."""


@dataclass(frozen=True, slots=True)
class DefinitionRow:
    """A definition as the planner reads it; ``schedule`` is the JSON spec."""

    definition_id: int
    name: str
    revision: int
    schedule: Mapping[str, Any]
    timezone: str
    planned_until: datetime
    next_fire_at: datetime
    enabled: bool
    misfire_policy: str
    skip_late_after_seconds: int | None
    starts_at: datetime | None
    ends_at: datetime | None
    edited_at: datetime | None
    """When a request edited it and no plan has followed yet (``domain.planning`` on edits)."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What there is for the leader to do, by one look at the RDB."""

    retries: bool
    """Ended runs that have a next attempt coming."""

    requests: bool
    """Requests for runs that nobody has handled."""

    cancels: bool
    """Runs not yet claimed that are to be canceled."""

    next_fire_at: datetime | None
    """The earliest ``next_fire_at`` of all definitions: when the planner next has work."""

    next_due_at: datetime | None
    """The earliest ``due_at`` of a PENDING run."""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A PENDING run due within the horizon, joined with what assignment asks of its definition."""

    run_id: UUID
    definition_id: int
    job_name: str
    slot_key: str
    attempt: int
    due_at: datetime
    scheduled_for: datetime
    priority: int
    queue: str
    required_labels: Mapping[str, str]
    executor: str
    concurrency_policy: str
    max_parallel: int | None
    skip_late_after_seconds: int | None
    cancel_requested: bool
    quarantined: bool
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class ActiveRow:
    """An ASSIGNED or RUNNING run."""

    run_id: UUID
    definition_id: int
    state: RunState
    worker_id: str
    assign_seq: int
    due_at: datetime
    assigned_age_seconds: float
    cancel_requested: bool
    orphan_count: int


@dataclass(frozen=True, slots=True)
class MyRow:
    """An open run in a worker's name, for anti-entropy."""

    run_id: UUID
    state: RunState
    assign_seq: int
    claim_token: UUID | None
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class RequestRow:
    """An operator's or caller's unhandled request for a run (run now, re-run, backfill)."""

    request_id: UUID
    definition_id: int
    slot_key: str
    scheduled_for: datetime
    args: Any


class LeaderStore(OnTimeline, Protocol):
    """What the leader reads, and its fenced writes: each one autocommit statement, <= 1,000 rows."""

    def agenda(self) -> Agenda: ...

    def due_definitions(self, until: datetime, limit: int) -> list[DefinitionRow]: ...

    def record_plan(self, fence: Fence, moves: Sequence[CursorMove]) -> list[int]:
        """Move cursors and insert their rows; returns the definition ids that moved."""

    def unhandled_requests(self, limit: int) -> list[RequestRow]: ...

    def record_requests(self, fence: Fence, runs: Sequence[tuple[UUID, NewRun]]) -> int:
        """Turn requests (request_id, run) into rows, once each."""

    def waiting(
        self, until: datetime, limit: int, *, for_a_place_only: bool = False
    ) -> list[WaitingRow]:
        """PENDING with ``due_at <= until``, priority high first, then due_at, then id.

        ``for_a_place_only``: those of the policy ``allow`` without a limit in parallel for which
        no other reason to wait is kept: nothing but a free place decides about them."""

    def active(self) -> list[ActiveRow]: ...

    def assign(
        self, fence: Fence, assignments: Sequence[tuple[UUID, str, int]]
    ) -> list[tuple[str, StartOrder]]:
        """PENDING -> ASSIGNED for (run_id, worker_id, assign_seq) where no cancel is requested and
        the worker's lease is LIVE; returns (worker_id, order) of those that changed
        (``start_in_seconds`` by the RDB's clock)."""

    def unassign(self, fence: Fence, runs: Sequence[tuple[UUID, int]], reason: Reason) -> list[UUID]:
        """ASSIGNED -> PENDING for (run_id, assign_seq)."""

    def unassign_lost(self, fence: Fence) -> list[UUID]:
        """ASSIGNED -> PENDING for every run whose worker is not LIVE."""

    def skip(self, fence: Fence, runs: Sequence[tuple[UUID, Reason, str]]) -> list[UUID]: ...

    def wait(self, fence: Fence, runs: Sequence[tuple[UUID, Reason, str]]) -> None:
        """Keep why each PENDING run waits."""

    def request_cancel(self, fence: Fence, runs: Sequence[UUID], reason: Reason) -> list[UUID]:
        """Set cancel_requested_at where it is not set (the replace policy)."""

    def cancel_waiting(self, fence: Fence) -> list[UUID]:
        """PENDING or ASSIGNED with a cancel requested -> CANCELED."""

    def orphan_candidates(self, limit: int) -> list[tuple[UUID, int, StartOrder]]:
        """RUNNING runs whose worker is not LIVE: (run_id, orphan_count, order with its policy)."""

    def orphan(
        self, fence: Fence, runs: Sequence[tuple[UUID, float | None, bool]]
    ) -> list[UUID]:
        """RUNNING -> ORPHANED where the worker is (still) not LIVE; (run_id, retry delay or None,
        quarantine the definition)."""

    def spawn_retries(self, fence: Fence, limit: int) -> list[UUID]:
        """Each finished run with retry_due_at becomes its next attempt, a PENDING row due then,
        and the mark is cleared, in one statement."""


class WorkerStore(OnTimeline, Protocol):
    """A worker's own writes: the claim before the start, the finish after the end."""

    def orders(self, worker_id: str, runs: Sequence[UUID]) -> list[StartOrder]:
        """Orders of ASSIGNED runs in my name, read from the RDB (the command was lost)."""

    def claim(
        self, worker_id: str, claims: Sequence[tuple[UUID, int, UUID]], *, hold_seq: int
    ) -> list[UUID]:
        """ASSIGNED -> RUNNING for (run_id, assign_seq, claim_token) under my LIVE lease, no cancel
        requested and the cluster's hold_seq unchanged; returns the run ids claimed. An unknown outcome is
        answered by reading the claim tokens back."""

    def finish(self, worker_id: str, results: Sequence[RunResult]) -> list[UUID]:
        """RUNNING -> the result's state where the claim_token holds, with retry_due_at; results
        that came too late are kept as late results. Returns the run ids that changed."""

    def give_back(self, worker_id: str, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        """ASSIGNED -> PENDING for (run_id, assign_seq) that I will not start (drain)."""

    def mine(self, worker_id: str) -> list[MyRow]: ...

    def replay_claims(self, claims: Sequence[tuple[Claim, float]]) -> list[UUID]:
        """After a fail-over: each run claimed so many seconds ago is RUNNING under its token,
        whether its row is absent, PENDING or ASSIGNED (one planned anew for the slot takes the
        claim's run id); all else stays. Returns the run ids changed."""

    def set_replayed(self, worker_id: str, timeline: int) -> None:
        """My lease row tells that all I wrote is on this timeline."""

    def replaying(self, timeline: int) -> list[str]:
        """The LIVE workers that have not replayed up to this timeline."""


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """Transitions in the order of their commits for each run; ``place`` is where they end, for
    ``Outbox.taken`` only."""

    transitions: tuple[RunTransition, ...]
    place: tuple[int, int, int]


class Outbox(Protocol):
    """The transitions that plugins declared, and how far each of its readers has come."""

    def unread(self, reader: str, limit: int) -> OutboxBatch:
        """What was committed and ``reader`` has not taken yet; the same again until it has."""

    def taken(self, fence: Fence, reader: str, place: tuple[int, int, int]) -> None:
        """``reader`` has taken all up to ``place``. Raises StaleEpoch."""

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        """Delete what all of ``readers`` have taken; returns how many. Raises StaleEpoch."""


# --------------------------------------------------------------------------------------- Redis


@dataclass(frozen=True, slots=True)
class LockView:
    """The leader lock as Redis has it. ``beats`` rises with each renewal."""

    holder: str | None
    epoch: int
    beats: int


class LeaderLock(Protocol):
    """``scheduler:leader:lock``: the fast gate and the bell, never the authority."""

    def acquire(self, worker_id: str, ttl_seconds: float) -> bool:
        """SET NX PX: the gate before a bump. True when I hold it (already, too)."""

    def replace(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        """After a bump: take the lock from any holder of an older epoch. Compare and replace."""

    def renew(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        """Renew as holder (also re-set it when Redis came back empty); beats += 1."""

    def release(self, worker_id: str) -> None: ...

    def view(self) -> LockView: ...

    def mirror_epoch(self, epoch: int) -> None:
        """Raise the mirrored epoch to at least this."""

    def mirrored_epoch(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A worker's presence in Redis: a hint and news for operators, never a lease."""

    worker_id: str
    node_id: str
    grpc_address: str
    role: str
    epoch: int
    open_runs: int
    capacity: int
    load: float


class Presence(Protocol):
    def beat(self, heartbeat: Heartbeat, ttl_seconds: float) -> None: ...

    def all(self) -> list[Heartbeat]: ...

    def gone(self, worker_id: str) -> None: ...


class Bell(Protocol):
    """Wake-ups: Redis pub/sub; LISTEN/NOTIFY of the RDB where Redis is away. Losing one is harmless."""

    def ring(self, topic: str) -> bool:
        """``leader`` (it has work), ``workers`` (one came or went), ``election``,
        ``worker:<address>``. Never raises; False when the bell itself could not be rung."""

    def listen(self, topics: Iterable[str], on_ring: Callable[[str], None]) -> "Listening": ...


class Listening(Protocol):
    def close(self) -> None: ...


# ---------------------------------------------------------------------------------------- gRPC


@dataclass(frozen=True, slots=True)
class Command:
    """What every command to a worker carries."""

    epoch: int
    term_id: UUID
    leader_worker_id: str


@dataclass(frozen=True, slots=True)
class PingReply:
    """``nonce`` is fresh at each reply; the next ping echoes it (see ``domain.liveness``)."""

    worker_id: str
    nonce: int
    newest_epoch: int
    open_runs: int
    capacity: int
    accepting: bool


@dataclass(frozen=True, slots=True)
class StartReply:
    accepted: tuple[UUID, ...]
    refused: tuple[tuple[UUID, str], ...]
    """(run_id, code): draining, no_capacity, unknown_executor, unknown_command, unsupported..."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    worker_id: str
    role: str
    newest_epoch: int
    open_runs: int
    capacity: int
    running: tuple[UUID, ...]
    deadline_in_seconds: float
    config_revision: int


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Bytes of a run's log from ``offset``; ``next_offset`` to go on; ``finished``: no more comes."""

    data: bytes
    next_offset: int
    size: int
    finished: bool


class WorkerLink(Protocol):
    """The leader's line to workers, by gRPC address. Raises PeerUnreachable (``refused`` tells a
    refused connection from silence) and StaleEpoch when the worker has seen a newer epoch."""

    def ping(self, address: str, command: Command, echo_nonce: int) -> PingReply: ...

    def start_runs(
        self, address: str, command: Command, orders: Sequence[StartOrder]
    ) -> StartReply: ...

    def cancel_runs(self, address: str, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        """Returns those that the worker knew."""

    def drain(self, address: str, command: Command, *, drain: bool) -> None: ...

    def reload_config(self, address: str, command: Command, revision: int) -> int:
        """Returns the revision now applied."""

    def confirm_continuation(
        self, address: str, command: Command, runs: Sequence[UUID]
    ) -> tuple[UUID, ...]:
        """Returns those still running there."""

    def status(self, address: str) -> WorkerStatus: ...

    def read_log(self, address: str, run_id: UUID, offset: int, limit: int) -> LogChunk: ...

    def is_refusing(self, address: str) -> bool:
        """True when a TCP connection to the address is refused at once (nobody listens)."""

    def forget(self, address: str) -> None:
        """Close what is kept open to an address."""

    def close(self) -> None: ...


class WorkerService(Protocol):
    """The worker's side of the line, called by the gRPC server's threads. ``peer`` names the
    certificate's identity. A stale epoch raises StaleEpoch, which reaches the caller as such."""

    def ping(self, command: Command, echo_nonce: int) -> PingReply: ...

    def start_runs(self, command: Command, orders: Sequence[StartOrder]) -> StartReply: ...

    def cancel_runs(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]: ...

    def drain(self, command: Command, *, drain: bool) -> None: ...

    def reload_config(self, command: Command, revision: int) -> int: ...

    def confirm_continuation(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]: ...

    def status(self) -> WorkerStatus: ...

    def read_log(self, run_id: UUID, offset: int, limit: int) -> LogChunk: ...


# ---------------------------------------------------------------------------------- processes


class ProcessHost(Protocol):
    """Starts and ends the processes of runs (``scheduler.execution.host``)."""

    def launch(self, specs: Sequence[LaunchSpec]) -> None: ...

    def cancel(self, runs: Sequence[UUID]) -> None: ...

    def set_deadline(self, boottime: float) -> None: ...

    def events(self, timeout_seconds: float) -> list[ProcessEvent]: ...

    def running(self) -> frozenset[UUID]: ...

    def stop(self, grace_seconds: float) -> None: ...


class Spool(Protocol):
    """Results kept on disk while the RDB is away."""

    def append(self, results: Sequence[RunResult]) -> None: ...

    def pending(self) -> list[RunResult]: ...

    def acknowledge(self, claim_tokens: Sequence[UUID]) -> None: ...


class Journal(Protocol):
    """What this worker wrote to the RDB in the last ten minutes, oldest first, to be written
    again after a fail-over that lost it. Survives the process. Instants are boottimes."""

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Keep won claims. Raises SchedulerError when they are in memory only."""

    def finished(self, results: Sequence[RunResult], now: float) -> None: ...

    def claims(self, since: float) -> list[Claim]: ...

    def results(self, since: float) -> list[RunResult]: ...
