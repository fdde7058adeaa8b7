"""One run with all that is known of it: its attempts, what it used, why it waits or ended so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scheduler.domain.errors import RunNotFound
from scheduler.domain.lineage import request_of
from scheduler.models import JobRun, JobRunDetail, RunRequest
from scheduler.queries.runs import RunView, run_views


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """What the run's processes used, as the kernel counted; None: not (yet) known."""

    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    max_rss_bytes: int | None
    read_bytes: int | None
    write_bytes: int | None


@dataclass(frozen=True, slots=True)
class RunDetailView:
    """``attempts`` are all attempts of the slot, in order, this run among them.

    ``explanation`` is the sentence kept beside the reason: an error, or what the run waits for.
    ``late_result`` is a result that came after the outcome was settled."""

    run: RunView
    attempts: tuple[RunView, ...]
    scheduled_until: datetime | None
    slot_count: int
    cancel_requested_at: datetime | None
    retry_of: UUID | None
    args: Any
    explanation: str
    log_ref: str
    resources: ResourceUse
    late_result: Any
    requested_by: str
    event_id: UUID | None


@dataclass(frozen=True, slots=True)
class RequestView:
    """A wish for a run; ``run_id`` is set once the leader has taken it."""

    request_id: UUID
    kind: str
    job_name: str
    requested_by: str
    requested_at: datetime
    handled_at: datetime | None
    run_id: UUID | None
    rerun_of: UUID | None


def run_detail(run_id: UUID) -> RunDetailView:
    """Raises RunNotFound."""
    row = JobRun.objects.filter(pk=run_id).first()
    if row is None:
        raise RunNotFound(run_id)
    slot = JobRun.objects.filter(definition=row.definition_id, slot_key=row.slot_key)
    attempts = tuple(run_views(slot.order_by("attempt")))
    kept = JobRunDetail.objects.filter(pk=run_id).first() or JobRunDetail(run_id=run_id)
    return RunDetailView(
        run=next(one for one in attempts if one.run_id == run_id),
        attempts=attempts,
        scheduled_until=row.scheduled_until,
        slot_count=row.slot_count,
        cancel_requested_at=row.cancel_requested_at,
        retry_of=row.retry_of,
        args=kept.args,
        explanation=kept.error or kept.reason_detail,
        log_ref=kept.log_ref,
        resources=_resources(kept),
        late_result=kept.late_result,
        requested_by=_requester(row),
        event_id=kept.event_id,
    )


def request_view(request_id: UUID) -> RequestView | None:
    """The request of this id."""
    row = RunRequest.objects.select_related("definition").filter(pk=request_id).first()
    if row is None:
        return None
    return RequestView(
        request_id=row.pk,
        kind=row.kind,
        job_name=row.definition.name,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        handled_at=row.handled_at,
        run_id=row.run_id,
        rerun_of=row.rerun_of,
    )


def _resources(kept: JobRunDetail) -> ResourceUse:
    return ResourceUse(
        cpu_user_seconds=kept.cpu_user_seconds,
        cpu_system_seconds=kept.cpu_system_seconds,
        max_rss_bytes=kept.max_rss_bytes,
        read_bytes=kept.read_bytes,
        write_bytes=kept.write_bytes,
    )


def _requester(row: JobRun) -> str:
    """The person who asked for the run; empty for a run that no person asked for."""
    request = request_of(row.slot_key)
    if request is None:
        return ""
    asked = RunRequest.objects.filter(pk=request).values_list("requested_by", flat=True)
    return asked.first() or ""
