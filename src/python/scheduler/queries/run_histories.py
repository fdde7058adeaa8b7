"""The instants of many runs at once, for what is made of them after the fact: traces."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from scheduler.domain.values import RunState
from scheduler.models import JobRun, JobRunDetail


@dataclass(frozen=True, slots=True)
class RunHistory:
    """When a run passed each step. Instants are aware UTC, None where it never came so far;
    ``planned_at`` is told by its id, to the millisecond. ``log_ref`` is where its log was when
    this was asked."""

    run_id: UUID
    job_name: str
    queue: str
    command: str
    executor: str
    slot_key: str
    attempt: int
    state: RunState
    reason: str
    retry_of: UUID | None
    worker_id: str | None
    exit_code: int | None
    scheduled_for: datetime
    due_at: datetime
    planned_at: datetime
    assigned_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cpu_seconds: float | None
    max_rss_bytes: int | None
    log_ref: str


def run_histories(run_ids: Iterable[UUID]) -> dict[UUID, RunHistory]:
    """By run id, in two statements; what is no longer there is left out."""
    wanted = list(run_ids)
    details = JobRunDetail.objects.in_bulk(wanted)
    rows = JobRun.objects.filter(pk__in=wanted).select_related("definition")
    return {row.pk: _history(row, details.get(row.pk) or JobRunDetail()) for row in rows}


def planned_at(run_id: UUID) -> datetime:
    """When the run of this id (UUIDv7) was planned."""
    return datetime.fromtimestamp((run_id.int >> 80) / 1000, UTC)


def _history(row: JobRun, detail: JobRunDetail) -> RunHistory:
    return RunHistory(
        run_id=row.pk,
        job_name=row.definition.name,
        queue=row.definition.queue,
        command=row.definition.command_name,
        executor=row.definition.executor,
        slot_key=row.slot_key,
        attempt=row.attempt,
        state=RunState(row.state),
        reason=row.reason,
        retry_of=row.retry_of,
        worker_id=row.worker_id,
        exit_code=row.exit_code,
        scheduled_for=row.scheduled_for,
        due_at=row.due_at,
        planned_at=planned_at(row.pk),
        assigned_at=row.assigned_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cpu_seconds=_cpu(detail),
        max_rss_bytes=detail.max_rss_bytes,
        log_ref=detail.log_ref,
    )


def _cpu(detail: JobRunDetail) -> float | None:
    if detail.cpu_user_seconds is None:
        return None
    return detail.cpu_user_seconds + (detail.cpu_system_seconds or 0.0)
