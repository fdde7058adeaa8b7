"""The leader's and the workers' statements about runs."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from scheduler.domain.dependencies import Link, SlotRun
from scheduler.domain.followers import Ended
from scheduler.domain.guard import Start
from scheduler.domain.lineage import KeyRange
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
    CalendarRow,
    CursorMove,
    DefinitionRow,
    MyRow,
    NewRun,
    RequestRow,
    WaitingRow,
)


class LinkReads(Protocol):
    """What is asked of dependencies and of the runs of upstreams."""

    def links(self, definition_ids: Sequence[int]) -> list[Link]:
        """The dependencies of these definitions, in order of their making."""

    def newest_of(self, ranges: Sequence[KeyRange]) -> list[SlotRun]:
        """Of each range the run with the last key, at its last attempt, where there is one; those
        that a calendar skipped are passed over."""

    def runs_of(self, ranges: Sequence[KeyRange]) -> list[SlotRun]:
        """All runs of these ranges."""


class LinkStore(LinkReads, Protocol):
    """The part of LeaderStore that concerns definitions that depend on others."""

    def parked(self, after: tuple[datetime, UUID] | None, limit: int) -> list[WaitingRow]:
        """Runs that wait for an upstream (WAIT_UPSTREAM), by (due_at, id), those after the given
        one."""

    def upstream_ends(self, limit: int) -> list[Ended]:
        """Ended runs of upstreams that nobody has looked at, without those to be retried."""

    def triggered_links(self, upstream_ids: Sequence[int]) -> list[Link]:
        """All dependencies of the definitions that have no schedule, are enabled, and depend on
        one of these."""

    def record_triggered(
        self, fence: Fence, ended: Sequence[UUID], runs: Sequence[NewRun]
    ) -> list[UUID]:
        """Insert the runs, each once by its slot, and forget these ends, in one statement; at most
        1,000 of either. Returns the ids of the runs that are new."""


class LeaderStore(LinkStore, OnTimeline, Protocol):
    """What the leader reads, and its fenced writes: autocommit statements of <= 1,000 rows."""

    def agenda(self) -> Agenda: ...

    def due_definitions(self, until: datetime, limit: int) -> list[DefinitionRow]: ...

    def slots_planned(
        self, definitions: Sequence[tuple[int, datetime]]
    ) -> dict[int, frozenset[datetime]]:
        """Of each (definition_id, after): the timed slots later than that which have a row."""

    def calendar(self, name: str) -> CalendarRow | None:
        """A business calendar; None where there is none of this name."""

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
        self, until: datetime, limit: int, *, heads: int, for_a_place_only: bool = False
    ) -> list[WaitingRow]:
        """PENDING with ``due_at <= until``: of each kind the first ``heads``, by priority (high
        first), then due_at, then id; at most ``limit``, the first of all kinds before the second
        of any. Of one kind are runs that the same workers may take; a job that a policy or a
        person may hold is a kind of its own. So no kind keeps another from being looked at.
        Those that wait for an upstream are left out.

        ``for_a_place_only``: those of the policy ``allow`` without a limit in parallel for which
        no other reason to wait is kept: nothing but a free place decides about them."""

    def waiting_after(self, until: datetime, limit: int, run_id: UUID) -> list[WaitingRow]:
        """PENDING with ``due_at <= until``, by id, those after ``run_id``: leads through all that
        waits, however much that is."""

    def active(self) -> list[ActiveRow]: ...

    def assign(
        self,
        fence: Fence,
        assignments: Sequence[tuple[UUID, str, int]],
        *,
        counted: Sequence[tuple[UUID, bool]] = (),
    ) -> list[tuple[str, StartOrder]]:
        """PENDING -> ASSIGNED for (run_id, worker_id, assign_seq) where no cancel is requested and
        the worker's lease is LIVE; returns (worker_id, order) of those that changed
        (``start_in_seconds`` by the RDB's clock). Those of ``counted`` (run_id, spends a retry
        budget) are kept as starts, in the same statement."""

    def starts(self, definitions: Collection[int], *, of_all: bool = False) -> list[Start]:
        """The starts of these definitions (``of_all``: of all) that were counted when they were
        assigned and still count, now by the RDB's clock."""

    def forget_starts(self, fence: Fence) -> int:
        """Drop at most 1,000 starts that count no more; returns how many."""

    def give_up(self, fence: Fence, runs: Sequence[tuple[UUID, Reason, str]]) -> list[UUID]:
        """As ``skip``, for retries: their slots count as failed for good."""

    def alert_exhausted(self, fence: Fence, definitions: Collection[int]) -> list[int]:
        """Tell once an hour for each definition that its retry budget is spent; returns those
        told now."""

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
