"""The leader's and the workers' statements about runs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from scheduler.domain.values import (
    Claim,
    Fence,
    Reason,
    RunResult,
    StartOrder,
)
from scheduler.ports.cluster import OnTimeline
from scheduler.ports.rows import (
    ActiveRow,
    Agenda,
    BackfillRow,
    CursorMove,
    DefinitionRow,
    MyRow,
    NewRun,
    RequestRow,
    WaitingRow,
)


class LeaderStore(OnTimeline, Protocol):
    """What the leader reads, and its fenced writes: autocommit statements of <= 1,000 rows."""

    def agenda(self) -> Agenda: ...

    def due_definitions(self, until: datetime, limit: int) -> list[DefinitionRow]: ...

    def record_plan(self, fence: Fence, moves: Sequence[CursorMove]) -> list[int]:
        """Move cursors and insert their rows; returns the definition ids that moved."""

    def unhandled_requests(self, limit: int) -> list[RequestRow]: ...

    def record_requests(self, fence: Fence, runs: Sequence[tuple[UUID, NewRun]]) -> int:
        """Turn requests (request_id, run) into rows, once each."""

    def open_backfills(self, limit: int) -> list[BackfillRow]:
        """Those with slots left to hand on, oldest first."""

    def feed_backfill(self, fence: Fence, backfill_id: UUID, count: int) -> int:
        """Turn the next ``count`` slots of a backfill into requests, each slot once, in one
        statement; returns how many there were."""

    def close_backfills(self, fence: Fence, backfills: Sequence[UUID]) -> list[UUID]:
        """Nothing is left of these to hand on."""

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

    def unassign(
        self, fence: Fence, runs: Sequence[tuple[UUID, int]], reason: Reason
    ) -> list[UUID]:
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

    def orphan(self, fence: Fence, runs: Sequence[tuple[UUID, float | None, bool]]) -> list[UUID]:
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
        requested and the cluster's hold_seq unchanged; returns the run ids claimed. An unknown
        outcome is answered by reading the claim tokens back."""

    def events(self, event_ids: Sequence[UUID]) -> dict[UUID, str]:
        """The documents (``SCHEDULER_EVENT_JSON``) of those events that are there."""

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
