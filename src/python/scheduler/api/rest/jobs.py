"""Jobs: seen, made, edited under optimistic concurrency, deleted, and when they would run."""

from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Schema, Status
from pydantic import Field

from scheduler.api.rest.access import by
from scheduler.api.rest.answering import operation
from scheduler.api.rest.job_fields import JobFields, JobValues, NewJob, given, values_of
from scheduler.api.rest.paging import cursor_of, key_of
from scheduler.api.rest.preconditions import EDIT_PROBLEMS, IfMatch, editing, tag
from scheduler.api.rest.reading import (
    AS_NUMBER,
    Body,
    Cursor,
    Flag,
    Instant,
    Limit,
    Text,
    only_known,
)
from scheduler.domain.errors import InvalidSchedule, JobNotFound, UpstreamInUse
from scheduler.domain.tokens import TokenScope
from scheduler.models import JobDefinition
from scheduler.queries.fire_times import fire_times, unsaved
from scheduler.queries.job_lists import JobFilter, job_named, job_page
from scheduler.requests.editing import (
    JobExists,
    create_definition,
    with_defaults,
)
from scheduler.requests.jobs import (
    delete_definition,
    save_definition,
    set_enabled,
)
from scheduler.requests.quarantine import release_quarantine

router = Router(tags=["jobs"])


class JobOut(JobValues):
    """A job. ``next_fire_at`` is when the planner looks at it next, which is its next slot unless
    it was edited just now."""

    id: int
    name: str
    revision: int
    provenance: str
    quarantined_at: datetime | None
    next_fire_at: datetime | None
    created_at: datetime
    updated_at: datetime


class JobPageOut(Schema):
    jobs: list[JobOut]
    next: str | None


class JobQuery(Schema):
    search: Text | None = Field(None, description="A part of the name, whatever its case.")
    enabled: Flag | None = None
    queue: Text | None = None
    quarantined: Flag | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class PreviewQuery(Schema):
    count: Annotated[int, Field(ge=1, le=1000), AS_NUMBER] = 10
    after: Instant | None = Field(None, description="Absent: now.")
    lang: Literal["en", "ja"] = "en"


class Preview(Body):
    """The fields of a job that say when it runs, saved or not."""

    schedule: dict[str, Any]
    timezone: Text = "UTC"
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    calendar: Annotated[str, Field(max_length=100)] = ""
    calendar_rule: Literal["only", "next", "previous"] = "only"


class SlotOut(Schema):
    at: datetime
    runs: bool = Field(description="False: its calendar skips it.")
    moved_from: date | None
    note: str


class FireTimesOut(Schema):
    times: list[datetime] = Field(description="When it runs.")
    slots: list[SlotOut] = Field(description="These, and those that its calendar skips.")
    words: str
    clock_change_rule: str


@router.get("/jobs", **operation(TokenScope.READ, JobPageOut))
def list_jobs(request: HttpRequest, query: Query[JobQuery]) -> Any:
    """Jobs, in the order of their names."""
    only_known(request, JobQuery)
    wanted = JobFilter(query.search, query.enabled, query.queue, query.quarantined)
    page = job_page(wanted, after=key_of(query.cursor), limit=query.limit)
    return {"jobs": [shown(job) for job in page.jobs], "next": cursor_of(page.next)}


@router.post(
    "/jobs",
    **operation(
        TokenScope.JOBS_WRITE,
        JobOut,
        JobExists,
        InvalidSchedule,
        status=HTTPStatus.CREATED,
        body=True,
        headers=("ETag", "Location"),
    ),
)
def create_job(request: HttpRequest, response: HttpResponse, fields: NewJob) -> Any:
    """Make a job. Absent fields get their defaults."""
    values = given(fields)
    job = create_definition(values.pop("name"), by=by(request), **values)
    response["Location"] = reverse("api-1:get_job", args=[f"id:{job.pk}"])
    return Status(HTTPStatus.CREATED.value, _tagged(response, job))


@router.get(
    "/jobs/{job}",
    url_name="get_job",
    **operation(TokenScope.READ, JobOut, JobNotFound, checked=False, headers=("ETag",)),
)
def get_job(request: HttpRequest, response: HttpResponse, job: str) -> Any:
    """A job by its name, or by ``id:`` and its id. The ETag is what edits need."""
    return _tagged(response, job_named(job))


@router.put(
    "/jobs/{job}",
    **operation(TokenScope.JOBS_WRITE, JobOut, *EDIT_PROBLEMS, body=True, headers=("ETag",)),
)
def replace_job(
    request: HttpRequest,
    response: HttpResponse,
    job: str,
    fields: JobFields,
    if_match: IfMatch = None,
) -> Any:
    """Replace all fields of a job: those that are absent get their defaults."""
    values = with_defaults(given(fields), JobFields.model_fields)
    return _edited(request, response, job, values, if_match)


@router.patch(
    "/jobs/{job}",
    **operation(TokenScope.JOBS_WRITE, JobOut, *EDIT_PROBLEMS, body=True, headers=("ETag",)),
)
def change_job(
    request: HttpRequest,
    response: HttpResponse,
    job: str,
    fields: JobFields,
    if_match: IfMatch = None,
) -> Any:
    """Change the given fields of a job; an object (a schedule, labels) is replaced whole."""
    return _edited(request, response, job, given(fields), if_match)


@router.delete(
    "/jobs/{job}",
    **operation(
        TokenScope.JOBS_WRITE,
        None,
        *EDIT_PROBLEMS,
        UpstreamInUse,
        status=HTTPStatus.NO_CONTENT,
    ),
)
def delete_job(request: HttpRequest, job: str, if_match: IfMatch = None) -> Any:
    """Delete a job; its history is kept. Runs not yet started go, those under way end by
    themselves."""
    with editing(request, job, if_match) as found:
        delete_definition(found.name, by=by(request))
    return Status(HTTPStatus.NO_CONTENT.value, None)


@router.post(
    "/jobs/{job}/enable",
    **operation(TokenScope.JOBS_WRITE, JobOut, JobNotFound, headers=("ETag",)),
)
def enable_job(request: HttpRequest, response: HttpResponse, job: str) -> Any:
    """Let the job's schedule run. What is enabled already stays as it is."""
    return _tagged(response, set_enabled(job_named(job).name, True, by=by(request)))


@router.post(
    "/jobs/{job}/disable",
    **operation(TokenScope.JOBS_WRITE, JobOut, JobNotFound, headers=("ETag",)),
)
def disable_job(request: HttpRequest, response: HttpResponse, job: str) -> Any:
    """Stop the job's schedule; runs under way go on, and it can still be run by hand."""
    return _tagged(response, set_enabled(job_named(job).name, False, by=by(request)))


@router.post(
    "/jobs/{job}/release",
    **operation(TokenScope.JOBS_WRITE, JobOut, JobNotFound, headers=("ETag",)),
)
def release_job(request: HttpRequest, response: HttpResponse, job: str) -> Any:
    """Let a quarantined job run again."""
    found = job_named(job)
    release_quarantine(found.name, by=by(request))
    return _tagged(response, job_named(job))


@router.get("/jobs/{job}/fire-times", **operation(TokenScope.READ, FireTimesOut, JobNotFound))
def get_fire_times(request: HttpRequest, job: str, query: Query[PreviewQuery]) -> Any:
    """When the job is due next, whether it is enabled or not."""
    only_known(request, PreviewQuery)
    return fire_times(job_named(job), query.count, after=query.after, lang=query.lang)


@router.post("/fire-times", **operation(TokenScope.READ, FireTimesOut, InvalidSchedule, body=True))
def preview_fire_times(request: HttpRequest, fields: Preview, query: Query[PreviewQuery]) -> Any:
    """When a job of these fields would be due; nothing is saved."""
    only_known(request, PreviewQuery)
    definition = unsaved(fields.model_dump())
    return fire_times(definition, query.count, after=query.after, lang=query.lang)


def shown(job: JobDefinition) -> dict[str, Any]:
    """A job as JobOut takes it."""
    return values_of(job) | {
        name: getattr(job, name)
        for name in (
            "id",
            "name",
            "revision",
            "provenance",
            "quarantined_at",
            "next_fire_at",
            "created_at",
            "updated_at",
        )
    }


def _edited(
    request: HttpRequest,
    response: HttpResponse,
    job: str,
    values: dict[str, Any],
    if_match: str | None,
) -> Any:
    with editing(request, job, if_match, calendar=values.get("calendar")) as found:
        return _tagged(response, save_definition(found.name, by=by(request), **values))


def _tagged(response: HttpResponse, job: JobDefinition) -> dict[str, Any]:
    tag(response, job)
    return shown(job)
