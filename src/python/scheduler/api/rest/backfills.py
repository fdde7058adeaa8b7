"""Backfills: looked at first, asked for, watched, ended."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Schema, Status
from pydantic import Field, StrictBool

from scheduler.api.rest.access import by
from scheduler.api.rest.answering import operation
from scheduler.api.rest.paging import cursor_of, id_of
from scheduler.api.rest.reading import Body, Cursor, Instant, Limit, Text, only_known
from scheduler.api.rest.views import BackfillDetailOut, BackfillPageOut, BackfillPlanOut
from scheduler.domain.backfilling import PACE_AT_MOST, SLOTS_AT_MOST, InvalidBackfill
from scheduler.domain.errors import InvalidArgs, JobNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.queries.backfills import backfill_page, backfill_progress, backfill_view
from scheduler.queries.job_lists import job_named
from scheduler.requests.backfills import (
    LIMIT,
    BackfillNotFound,
    BackfillWish,
    cancel_backfill,
    plan_backfill,
    request_backfill,
)

router = Router(tags=["backfills"])


class NewBackfill(Body):
    """The slots of ``since <= slot < until``, which must have passed.

    ``only_missing`` leaves out those with a run that succeeded or is open. More slots than
    ``limit`` are refused. At most ``pace`` slots are under way at once."""

    since: Instant
    until: Instant
    only_missing: StrictBool = True
    limit: Annotated[int, Field(ge=1, le=SLOTS_AT_MOST, strict=True)] = LIMIT
    pace: Annotated[int, Field(ge=1, le=PACE_AT_MOST, strict=True)] = 1
    args: list[Any] | dict[str, Any] | None = None
    dry_run: StrictBool = Field(False, description="Only say which slots would run.")


class Ending(Body):
    """``cancel_runs``: end those under way too."""

    cancel_runs: StrictBool = True


class BackfillQuery(Schema):
    job: Text | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


@router.post(
    "/jobs/{job}/backfill",
    **operation(
        TokenScope.RUNS_WRITE,
        {HTTPStatus.OK.value: BackfillPlanOut, HTTPStatus.ACCEPTED.value: BackfillDetailOut},
        JobNotFound,
        InvalidBackfill,
        InvalidArgs,
        body=True,
    ),
)
def backfill_job(request: HttpRequest, response: HttpResponse, job: str, wish: NewBackfill) -> Any:
    """Run a range of past slots (202), or say which they are (200, ``dry_run``)."""
    name = job_named(job).name
    asked = BackfillWish(**wish.model_dump(exclude={"dry_run"}))
    if wish.dry_run:
        return Status(HTTPStatus.OK.value, plan_backfill(name, asked))
    made = request_backfill(name, asked, by=by(request))
    response["Location"] = reverse("api-1:get_backfill", args=[made.pk])
    return Status(HTTPStatus.ACCEPTED.value, _shown(made.pk))


@router.get("/backfills", **operation(TokenScope.READ, BackfillPageOut))
def list_backfills(request: HttpRequest, query: Query[BackfillQuery]) -> Any:
    """Backfills, newest first."""
    only_known(request, BackfillQuery)
    page = backfill_page(job=query.job, before=id_of(query.cursor), limit=query.limit)
    return {"backfills": page.backfills, "next": cursor_of(page.next)}


@router.get(
    "/backfills/{uuid:backfill_id}",
    url_name="get_backfill",
    **operation(TokenScope.READ, BackfillDetailOut, BackfillNotFound, checked=False),
)
def get_backfill(request: HttpRequest, backfill_id: UUID) -> Any:
    """A backfill and how far it has come."""
    return _shown(backfill_id)


@router.post(
    "/backfills/{uuid:backfill_id}/cancel",
    **operation(TokenScope.RUNS_WRITE, BackfillDetailOut, BackfillNotFound, body=True),
)
def end_backfill(request: HttpRequest, backfill_id: UUID, ending: Ending | None = None) -> Any:
    """Hand on no more slots, and end the runs under way (unless ``cancel_runs`` is false). What
    has ended stays as it is."""
    chosen = ending or Ending()
    cancel_backfill(backfill_id, by=by(request), cancel_runs=chosen.cancel_runs)
    return _shown(backfill_id)


def _shown(backfill_id: UUID) -> dict[str, Any]:
    view = backfill_view(backfill_id)
    if view is None:
        raise BackfillNotFound(backfill_id)
    progress = backfill_progress(backfill_id)
    return asdict(view) | asdict(progress)
