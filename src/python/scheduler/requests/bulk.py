"""Many runs at once: canceled or repeated in one transaction, with one entry in the record."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from scheduler.models import JobRun, JobRunDetail, RunRequest
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.requests.runs import rerun_of
from scheduler.store.clock import rdb_now

RUNS_AT_MOST = 1000


class BulkOutcome(StrEnum):
    """What became of the wish for one run."""

    REQUESTED = "requested"
    ENDED_BEFORE = "ended_before"
    REQUESTED_BEFORE = "requested_before"
    NOT_FOUND = "not_found"
    JOB_DELETED = "job_deleted"


def request_cancels(
    run_ids: Sequence[UUID], *, by: str, ring: Ring | None = None
) -> dict[UUID, BulkOutcome]:
    """Ask for the end of each of at most RUNS_AT_MOST runs; says what became of each."""
    assert len(run_ids) <= RUNS_AT_MOST
    with writing():
        rows = JobRun.objects.filter(pk__in=run_ids).order_by("pk")
        locked = {row.pk: row for row in rows.select_for_update(no_key=True)}
        found = {run_id: _cancelable(locked.get(run_id)) for run_id in run_ids}
        asked = [run_id for run_id, outcome in found.items() if outcome is BulkOutcome.REQUESTED]
        if asked:
            JobRun.objects.filter(pk__in=asked).update(cancel_requested_at=rdb_now())
            record("cancels_requested", f"{len(asked)} runs", by, runs=[str(run) for run in asked])
            tell(ring, "leader")
    return found


def request_reruns(
    run_ids: Sequence[UUID], *, by: str, ring: Ring | None = None
) -> dict[UUID, tuple[BulkOutcome, UUID | None]]:
    """Ask for a new run of the same job and arguments for each; with the ids of the requests."""
    assert len(run_ids) <= RUNS_AT_MOST
    with writing():
        rows = JobRun.objects.select_related("definition").in_bulk(list(run_ids))
        details = JobRunDetail.objects.in_bulk(list(rows))
        found = {run_id: _repeatable(rows.get(run_id)) for run_id in run_ids}
        wanted = [rows[run] for run, outcome in found.items() if outcome is BulkOutcome.REQUESTED]
        now = rdb_now()
        requests = {row.pk: rerun_of(row, details.get(row.pk), now, by=by) for row in wanted}
        RunRequest.objects.bulk_create(requests.values(), batch_size=500)
        if requests:
            told = [str(run) for run in requests]
            record("reruns_requested", f"{len(requests)} runs", by, runs=told)
            tell(ring, "leader")
    return {
        run: (outcome, requests[run].pk if run in requests else None)
        for run, outcome in found.items()
    }


def _cancelable(row: JobRun | None) -> BulkOutcome:
    if row is None:
        return BulkOutcome.NOT_FOUND
    if row.finished_at is not None:
        return BulkOutcome.ENDED_BEFORE
    return BulkOutcome.REQUESTED_BEFORE if row.cancel_requested_at else BulkOutcome.REQUESTED


def _repeatable(row: JobRun | None) -> BulkOutcome:
    if row is None:
        return BulkOutcome.NOT_FOUND
    return BulkOutcome.JOB_DELETED if row.definition.deleted_at else BulkOutcome.REQUESTED
