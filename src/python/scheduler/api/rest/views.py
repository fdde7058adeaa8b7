"""Runs, requests and backfills as JSON."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from scheduler.domain.values import RunState
from scheduler.requests.bulk import BulkOutcome


class RunOut(Schema):
    """One attempt of one slot. ``reason`` says why it waits, was skipped or ended so."""

    run_id: UUID
    definition_id: int
    job_name: str
    state: RunState
    attempt: int
    slot_key: str
    scheduled_for: datetime
    due_at: datetime
    worker_id: str | None
    assigned_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    exit_code: int | None
    reason: str
    retry_due_at: datetime | None
    duration_seconds: float | None


class RunPageOut(Schema):
    """A page may be short, or empty, and still have a ``next``: each looks at a bounded number of
    rows."""

    runs: list[RunOut]
    next: str | None


class ResourcesOut(Schema):
    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    max_rss_bytes: int | None
    read_bytes: int | None
    write_bytes: int | None


class RunDetailOut(Schema):
    """A run with all attempts of its slot. ``explanation`` is the sentence beside the reason."""

    run: RunOut
    attempts: list[RunOut]
    scheduled_until: datetime | None
    slot_count: int
    cancel_requested_at: datetime | None
    retry_of: UUID | None
    args: Any
    explanation: str
    log_ref: str
    resources: ResourcesOut
    late_result: Any
    requested_by: str
    event_id: UUID | None


class LogOut(Schema):
    """A piece of a log. Offsets are bytes; ``complete``: the run has ended and this is the end.

    ``link``: with the last piece, where a browser finds the whole log in the archive, perhaps for
    a short while only; null where there is no archive, or it does not say."""

    text: str
    offset: int
    next_offset: int
    size: int
    complete: bool
    link: str | None


class CancelOut(Schema):
    run_id: UUID
    outcome: BulkOutcome


class RequestOut(Schema):
    """A wish for a run; ``run_id`` is set once the leader has taken it."""

    request_id: UUID
    kind: str
    job_name: str
    requested_by: str
    requested_at: datetime
    handled_at: datetime | None
    run_id: UUID | None
    rerun_of: UUID | None


class BulkOut(Schema):
    """What became of each run. ``more``: the filter found more than the limit."""

    results: list["BulkResult"]
    more: bool


class BulkResult(Schema):
    run_id: UUID
    outcome: BulkOutcome
    request_id: UUID | None = None


class BackfillOut(Schema):
    """``state`` is running, done (every slot was handed on) or canceled."""

    backfill_id: UUID
    job_name: str
    since: datetime
    until: datetime
    state: str
    pace: int
    only_missing: bool
    args: Any
    slot_count: int
    requested_by: str
    requested_at: datetime
    fed_at: datetime | None
    canceled_at: datetime | None


class BackfillPageOut(Schema):
    backfills: list[BackfillOut]
    next: str | None


class BackfillDetailOut(BackfillOut):
    """``waiting`` slots are still to be handed on; ``runs`` counts the others by state."""

    waiting: int
    runs: dict[RunState, int]


class BackfillPlanOut(Schema):
    """What a backfill would run; ``covered`` slots are left out."""

    job_name: str
    slots: list[datetime]
    covered: int


BulkOut.model_rebuild()
