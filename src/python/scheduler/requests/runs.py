"""Runs as people ask for them: now, again, or no longer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from scheduler.domain.errors import InvalidArgs, JobNotFound, RunNotFound
from scheduler.domain.lineage import BY_HAND, again_key
from scheduler.models import JobRun, JobRunDetail, RunRequest
from scheduler.models.choices import RequestKind
from scheduler.models.runs import new_id
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.store.clock import rdb_now
from scheduler.store.jobs import find_job


def request_run(
    name: str,
    args: Any = None,
    *,
    by: str,
    ring: Ring | None = None,
    idempotency_key: str | None = None,
) -> RunRequest:
    """Ask for one run of a job now, also of a disabled one; the leader makes the row.

    ``args`` is a list of arguments or an object of options; None means the job's own. Raises
    JobNotFound, InvalidArgs; IntegrityError if ``by`` has a request with this ``idempotency_key``
    (see ``requests.idempotent``)."""
    if args is not None and not isinstance(args, list | dict):
        raise InvalidArgs(name, f"{type(args).__name__} given", "a JSON list or a JSON object")
    with writing():
        now, request_id = rdb_now(), new_id()
        request = RunRequest.objects.create(
            id=request_id,
            kind=RequestKind.RUN_NOW,
            definition=find_job(name),
            slot_key=f"{BY_HAND}{request_id}",
            scheduled_for=now,
            args=args,
            requested_by=by,
            requested_at=now,
            idempotency_key=idempotency_key,
        )
        record("run_requested", name, by, request=str(request.id))
        tell(ring, "leader")
    return request


def request_rerun(run_id: UUID, *, by: str, ring: Ring | None = None) -> RunRequest:
    """Ask for a new run of the same job with the same arguments and the same event.

    If it succeeds, the slot of the first run has succeeded for those that wait for it. Raises
    RunNotFound, JobNotFound (the job was deleted)."""
    with writing():
        run = find_run(run_id)
        if run.definition.deleted_at is not None:
            raise JobNotFound(run.definition.name)
        request = rerun_of(run, JobRunDetail.objects.filter(pk=run_id).first(), rdb_now(), by=by)
        request.save(force_insert=True)
        record("rerun_requested", run.definition.name, by, run=str(run_id))
        tell(ring, "leader")
    return request


def request_cancel(run_id: UUID, *, by: str, ring: Ring | None = None) -> bool:
    """Ask for the end of a run. False when it has ended, or was asked before. RunNotFound.

    A run that waits is canceled at once by the leader; one that runs when its worker has ended
    its processes, and if it succeeds first, it has succeeded."""
    with writing():
        run = find_run(run_id)
        asked = JobRun.objects.filter(pk=run_id, finished_at=None, cancel_requested_at=None).update(
            cancel_requested_at=rdb_now()
        )
        if not asked:
            return False
        record("cancel_requested", run.definition.name, by, run=str(run_id))
        tell(ring, "leader")
    return True


def find_run(run_id: UUID) -> JobRun:
    """The run with its definition. Raises RunNotFound."""
    run = JobRun.objects.select_related("definition").filter(pk=run_id).first()
    if run is None:
        raise RunNotFound(run_id)
    return run


def rerun_of(run: JobRun, kept: JobRunDetail | None, now: datetime, *, by: str) -> RunRequest:
    """The wish, not saved yet, for a new run of the same job; ``kept`` is what it began with."""
    request_id = new_id()
    return RunRequest(
        id=request_id,
        kind=RequestKind.RERUN,
        definition_id=run.definition_id,
        slot_key=again_key(run.slot_key, request_id),
        scheduled_for=now,
        args=kept.args if kept else None,
        event_id=kept.event_id if kept else None,
        rerun_of=run.pk,
        requested_by=by[:200],
        requested_at=now,
    )


def cancel_open(runs: QuerySet[JobRun], now: datetime) -> int:
    """Ask for the end of those of ``runs`` that are open and were not asked before; how many.

    Locked in the order of their ids, as by everybody who locks several. In a transaction."""
    rows = runs.filter(finished_at=None, cancel_requested_at=None).order_by("pk")
    ids = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
    return JobRun.objects.filter(pk__in=ids).update(cancel_requested_at=now)
