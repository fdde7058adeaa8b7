"""What is asked of runs: a run now, a cancel, a repetition; one by one or many at once."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header, Router, Status
from pydantic import Field

from scheduler.api.rest.access import by
from scheduler.api.rest.answering import operation
from scheduler.api.rest.reading import Body, Id, Instant, Text
from scheduler.api.rest.refusals import RunEnded
from scheduler.api.rest.views import BulkOut, CancelOut, RequestOut
from scheduler.domain.errors import InvalidArgs, JobNotFound, RunNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.domain.values import RunState
from scheduler.models import RunRequest
from scheduler.queries.job_lists import job_named
from scheduler.queries.run_details import request_view
from scheduler.queries.run_lists import RunFilter, run_ids
from scheduler.queries.runs import run_view
from scheduler.requests.bulk import RUNS_AT_MOST, BulkOutcome, request_cancels, request_reruns
from scheduler.requests.idempotent import KeyReused, request_run_once
from scheduler.requests.runs import request_cancel, request_rerun, request_run

router = Router(tags=["runs"])

ACCEPTED = HTTPStatus.ACCEPTED.value

IdempotencyKey = Annotated[
    str | None,
    Header(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",  # PostgreSQL holds no NUL in a text.
        description="A text of the caller's own: the same again brings the same request again.",
    ),
]


class RunNow(Body):
    """``args`` is a list of arguments or an object of options; absent: the job's own."""

    args: list[Any] | dict[str, Any] | None = None


class RunsOfFilter(Body):
    """Which runs, as in the list of runs; at least one field is needed."""

    job: Text | None = None
    state: Annotated[list[RunState], Field(min_length=1, max_length=9)] | None = None
    worker: Text | None = None
    reason: Text | None = None
    scheduled_from: Instant | None = None
    scheduled_until: Instant | None = None

    def wanted(self) -> RunFilter:
        return RunFilter(
            job=self.job,
            states=frozenset(self.state) if self.state else None,
            worker_id=self.worker,
            reason=self.reason,
            scheduled_from=self.scheduled_from,
            scheduled_until=self.scheduled_until,
        )


class Bulk(Body):
    """Either ``run_ids``, or a ``filter`` that finds the newest ``limit`` of such runs."""

    run_ids: Annotated[list[Id], Field(min_length=1, max_length=RUNS_AT_MOST)] | None = None
    filter: RunsOfFilter | None = None
    limit: Annotated[int, Field(ge=1, le=RUNS_AT_MOST, strict=True)] = 100


@router.post(
    "/jobs/{job}/run",
    **operation(
        TokenScope.RUNS_WRITE,
        RequestOut,
        JobNotFound,
        InvalidArgs,
        KeyReused,
        status=HTTPStatus.ACCEPTED,
        body=True,
        headers=("Location",),
    ),
)
def run_now(
    request: HttpRequest,
    response: HttpResponse,
    job: str,
    wish: RunNow | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Ask for one run now, also of a disabled job. The leader makes the run; the request tells
    which."""
    name, args = job_named(job).name, wish.args if wish else None
    if idempotency_key is None:
        return _requested(response, request_run(name, args, by=by(request)))
    made = request_run_once(name, args, idempotency_key, by=by(request))
    return _requested(response, made)


@router.post(
    "/runs/{uuid:run_id}/cancel",
    **operation(
        TokenScope.RUNS_WRITE,
        CancelOut,
        RunNotFound,
        RunEnded,
        status=HTTPStatus.ACCEPTED,
        checked=False,
    ),
)
def cancel_run(request: HttpRequest, run_id: UUID) -> Any:
    """Ask for the end of a run: one that waits is canceled at once, one that runs gets TERM, and
    KILL after its grace. It may still succeed first."""
    if request_cancel(run_id, by=by(request)):
        return Status(ACCEPTED, {"run_id": run_id, "outcome": BulkOutcome.REQUESTED})
    run = run_view(run_id)
    if run is None or run.finished:
        state = run.state if run else "purged"
        raise RunEnded(f"Run {run_id} has ended already: {state}.")
    return Status(ACCEPTED, {"run_id": run_id, "outcome": BulkOutcome.REQUESTED_BEFORE})


@router.post(
    "/runs/{uuid:run_id}/rerun",
    **operation(
        TokenScope.RUNS_WRITE,
        RequestOut,
        RunNotFound,
        JobNotFound,
        status=HTTPStatus.ACCEPTED,
        checked=False,
        headers=("Location",),
    ),
)
def rerun(request: HttpRequest, response: HttpResponse, run_id: UUID) -> Any:
    """Ask for a new run of the same job with the same arguments."""
    return _requested(response, request_rerun(run_id, by=by(request)))


@router.post("/runs/cancel", **operation(TokenScope.RUNS_WRITE, BulkOut, JobNotFound, body=True))
def cancel_runs(request: HttpRequest, wish: Bulk) -> Any:
    """Ask for the end of many runs; says what became of each."""
    run_ids, more = _chosen(wish)
    found = request_cancels(run_ids, by=by(request))
    results = [{"run_id": run_id, "outcome": outcome} for run_id, outcome in found.items()]
    return {"results": results, "more": more}


@router.post("/runs/rerun", **operation(TokenScope.RUNS_WRITE, BulkOut, JobNotFound, body=True))
def rerun_many(request: HttpRequest, wish: Bulk) -> Any:
    """Ask for a new run of each of many runs; says what became of each."""
    run_ids, more = _chosen(wish)
    found = request_reruns(run_ids, by=by(request))
    results = [
        {"run_id": run_id, "outcome": outcome, "request_id": made}
        for run_id, (outcome, made) in found.items()
    ]
    return {"results": results, "more": more}


def _chosen(wish: Bulk) -> tuple[list[UUID], bool]:
    if (wish.run_ids is None) == (wish.filter is None):
        raise ValidationError("Give run_ids, or filter; not both.")
    if wish.run_ids is not None:
        return list(dict.fromkeys(wish.run_ids)), False
    assert wish.filter is not None
    if wish.filter.wanted() == RunFilter():
        raise ValidationError({"filter": "It chooses all runs there are; name what is meant."})
    found = run_ids(wish.filter.wanted(), wish.limit + 1)
    return found[: wish.limit], len(found) > wish.limit


def _requested(response: HttpResponse, made: RunRequest) -> Any:
    response["Location"] = reverse("api-1:get_run_request", args=[made.pk])
    return Status(ACCEPTED, request_view(made.pk))
