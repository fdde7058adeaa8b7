"""Runs as people ask for them: now, again, or no longer."""

from typing import Any
from uuid import UUID

from scheduler.domain.errors import InvalidArgs, JobNotFound, RunNotFound
from scheduler.domain.lineage import BY_HAND, again_key
from scheduler.models import JobRun, JobRunDetail, RunRequest
from scheduler.models.choices import RequestKind
from scheduler.models.runs import new_id
from scheduler.requests.jobs import find_job
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.store.clock import rdb_now


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
        definition = find_job(name).pk
        request = _request(RequestKind.RUN_NOW, definition, args, by, key=idempotency_key)
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
        detail = JobRunDetail.objects.filter(run_id=run_id).first()
        request = _request(
            RequestKind.RERUN,
            run.definition_id,
            detail.args if detail else None,
            by,
            again=run,
            event_id=detail.event_id if detail else None,
        )
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


def _request(
    kind: RequestKind,
    definition_id: int,
    args: Any,
    by: str,
    again: JobRun | None = None,
    key: str | None = None,
    event_id: UUID | None = None,
) -> RunRequest:
    now, request = rdb_now(), new_id()
    return RunRequest.objects.create(
        id=request,
        kind=kind,
        definition_id=definition_id,
        slot_key=again_key(again.slot_key, request) if again else f"{BY_HAND}{request}",
        scheduled_for=now,
        args=args,
        rerun_of=again.pk if again else None,
        event_id=event_id,
        requested_by=by,
        requested_at=now,
        idempotency_key=key,
    )
