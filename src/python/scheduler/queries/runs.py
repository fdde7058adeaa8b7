"""Runs as pages and commands show them: recent ones, counts, what is due next."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, QuerySet

from scheduler.domain.values import RunState
from scheduler.models import JobDefinition, JobRun, JobRunDetail
from scheduler.store.clock import rdb_now


@dataclass(frozen=True, slots=True)
class RunView:
    """One run. Instants are aware UTC; ``reason`` says why it waits, was skipped or failed."""

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

    @property
    def finished(self) -> bool:
        return self.finished_at is not None

    @property
    def duration_seconds(self) -> float | None:
        """From its start to its end; None while it runs and where it never started."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class DueView:
    """Something that is to come: a run planned already (``run_id``), or a slot not yet planned."""

    job_name: str
    due_at: datetime
    run_id: UUID | None = None


def run_view(run_id: UUID) -> RunView | None:
    """The run of this id."""
    return next(run_views(JobRun.objects.filter(pk=run_id)), None)


def next_attempt(run: RunView) -> RunView | None:
    """The run that followed this one as its retry."""
    slot = JobRun.objects.filter(definition=run.definition_id, slot_key=run.slot_key)
    return next(run_views(slot.filter(attempt=run.attempt + 1)), None)


def explanation(run_id: UUID) -> str:
    """The sentence kept beside the run's reason: an error, or what it waits for; may be empty."""
    detail = JobRunDetail.objects.filter(pk=run_id).values_list("error", "reason_detail").first()
    return next(filter(None, detail or ()), "")


def recent_runs(
    limit: int = 20,
    *,
    before: UUID | None = None,
    states: Iterable[RunState] | None = None,
    job: str | None = None,
) -> list[RunView]:
    """The newest runs first. For the next page give the last ``run_id`` as ``before``."""
    rows = JobRun.objects.order_by("-id")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    if states is not None:
        rows = rows.filter(state__in=[state.value for state in states])
    if job is not None:
        rows = rows.filter(definition__name=job)
    return list(run_views(rows[:limit]))


def recent_runs_of(definition_id: int, limit: int) -> list[RunView]:
    """The newest runs of one definition, a deleted one too, newest first."""
    rows = JobRun.objects.filter(definition_id=definition_id).order_by("-id")
    return list(run_views(rows[:limit]))


def runs_by_state(window: timedelta = timedelta(hours=1)) -> dict[RunState, int]:
    """How many runs are open, and how many of those planned within ``window`` have ended, by
    state. Both are read by an index, however many rows there are."""
    since = id_at(rdb_now() - window)
    rows = JobRun.objects.order_by()
    found: dict[RunState, int] = dict.fromkeys(RunState, 0)
    for part in (
        rows.filter(finished_at=None),
        rows.filter(finished_at__isnull=False, pk__gte=since),
    ):
        for state, count in part.values_list("state").annotate(Count("pk")):
            found[RunState(state)] += count
    return found


def due_next(limit: int = 10) -> list[DueView]:
    """What is due next, soonest first: planned runs that have not started, then later slots."""
    planned = JobRun.objects.filter(finished_at=None, state__in=["PENDING", "ASSIGNED"])
    rows = planned.order_by("due_at").values_list("definition__name", "due_at", "pk")[:limit]
    slots = JobDefinition.objects.filter(
        next_fire_at__isnull=False, edited_at=None, enabled=True, deleted_at=None
    ).order_by("next_fire_at")
    later = slots.values_list("name", "next_fire_at")[:limit]
    found = [DueView(*row) for row in rows] + [DueView(name, at) for name, at in later if at]
    return sorted(found, key=lambda due: (due.due_at, due.job_name))[:limit]


def id_at(instant: datetime) -> UUID:
    """The smallest UUIDv7 of an instant: ids made since then are not smaller."""
    return UUID(int=max(0, int(instant.timestamp() * 1000)) << 80)


def run_views(rows: QuerySet[JobRun]) -> Iterator[RunView]:
    """The rows as views, in their order, by one query."""
    for row in rows.select_related("definition"):
        yield RunView(
            run_id=row.pk,
            definition_id=row.definition_id,
            job_name=row.definition.name,
            state=RunState(row.state),
            attempt=row.attempt,
            slot_key=row.slot_key,
            scheduled_for=row.scheduled_for,
            due_at=row.due_at,
            worker_id=row.worker_id,
            assigned_at=row.assigned_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            cancel_requested=row.cancel_requested_at is not None,
            exit_code=row.exit_code,
            reason=row.reason,
            retry_due_at=row.retry_due_at,
        )
