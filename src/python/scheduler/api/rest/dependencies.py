"""What a job depends on: its list of upstreams, read and replaced whole."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from scheduler.api.rest.access import by
from scheduler.api.rest.answering import operation
from scheduler.api.rest.preconditions import EDIT_PROBLEMS, IfMatch, editing, tag
from scheduler.api.rest.reading import Body
from scheduler.domain.errors import (
    DependencyCycle,
    InvalidDependency,
    JobNotFound,
)
from scheduler.domain.tokens import TokenScope
from scheduler.models import JobDefinition
from scheduler.queries.dependencies import dependencies_of
from scheduler.queries.job_lists import job_named
from scheduler.requests.dependencies import set_dependencies

router = Router(tags=["jobs"])


class DependenciesOut(Schema):
    """docs/dependencies.md says what each part means."""

    depends_on: list[dict[str, Any]]


class Dependencies(Body):
    """All upstreams of a job, each a name or an object; an empty list: it depends on none."""

    depends_on: Annotated[list[str | dict[str, Any]], Field(max_length=100)]


@router.get(
    "/jobs/{job}/dependencies",
    **operation(TokenScope.READ, DependenciesOut, JobNotFound, checked=False, headers=("ETag",)),
)
def get_dependencies(request: HttpRequest, response: HttpResponse, job: str) -> Any:
    """What a job depends on. The ETag is the job's."""
    return _tagged(response, job_named(job))


@router.put(
    "/jobs/{job}/dependencies",
    **operation(
        TokenScope.JOBS_WRITE,
        DependenciesOut,
        *EDIT_PROBLEMS,
        InvalidDependency,
        DependencyCycle,
        body=True,
        headers=("ETag",),
    ),
)
def replace_dependencies(
    request: HttpRequest,
    response: HttpResponse,
    job: str,
    wish: Dependencies,
    if_match: IfMatch = None,
) -> Any:
    """Let a job depend on exactly these; it counts for runs that have not started yet."""
    with editing(request, job, if_match) as found:
        _set(found.name, wish, by(request))
    return _tagged(response, job_named(job))


def _set(name: str, wish: Dependencies, who: str) -> None:
    """An upstream that is not there is a wrong field: the address was right."""
    try:
        set_dependencies(name, wish.depends_on, by=who)
    except JobNotFound as error:
        allowed = "the name of a job"
        if error.nearest:
            allowed += f"; did you mean {error.nearest!r}?"
        raise InvalidDependency(name, "upstream", error.name, allowed) from error


def _tagged(response: HttpResponse, job: JobDefinition) -> dict[str, Any]:
    tag(response, job)
    return {"depends_on": [spec.as_json() for spec in dependencies_of(job.name)]}
