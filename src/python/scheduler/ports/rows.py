"""Rows of definitions and runs, as the runtime reads and writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scheduler.domain.values import (
    Reason,
    RunState,
)


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
    this whose slot_key is not among ``runs`` are deleted in the same statement; so are such rows
    that a calendar skipped ahead of time. Those among ``runs`` that are not started and that
    ``runs`` now skips by calendar become SKIPPED."""
    keeps_edit: bool = False
    """The edit is not planned to its end: ``edited_at`` and ``superseded`` stay for the next move.
    Otherwise this move clears them."""


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
    superseded: Sequence[Mapping[str, Any]] = ()
    """The schedules that were in force since the cursor, oldest first (``domain.edits``)."""
    calendar: str = ""
    calendar_rule: str = "only"
    calendar_revision: int | None = None
    calendar_id: int = 0
    """Of the calendar as it stands; None: it has none, or there is no such calendar."""


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """A business calendar as the planner reads it; ``parts`` are ``parse_calendar``'s arguments."""

    revision: int
    parts: Mapping[str, Any]
    calendar_id: int = 0


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

    upstream_ends: bool = False
    """Ended runs, of definitions that others depend on, that nobody has looked at."""

    backfills: bool = False
    """Backfills that have slots left to hand on."""


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
    depends: bool = False
    """Its definition depends on others."""
    start_cap_per_minute: int | None = None
    retry_budget_per_hour: int | None = None
    quarantine_after_failures: int | None = None
    own_retry: bool = False


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
class BackfillRow:
    """A backfill that has slots left to hand on."""

    backfill_id: UUID
    pace: int
    concurrency_policy: str
    under_way: int
    """Its slots that were handed on and have no outcome yet: requests, open runs, retries due."""
    deleted: bool
    """Its job was deleted: nothing more is handed on."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """An operator's or caller's unhandled request for a run (run now, re-run, backfill)."""

    request_id: UUID
    definition_id: int
    slot_key: str
    scheduled_for: datetime
    args: Any
