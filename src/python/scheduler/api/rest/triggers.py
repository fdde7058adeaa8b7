"""Which events start a job: its list of triggers, read and replaced whole."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from scheduler.api.rest.access import by
from scheduler.api.rest.answering import operation
from scheduler.api.rest.preconditions import EDIT_PROBLEMS, IfMatch, editing, tag
from scheduler.api.rest.reading import Body
from scheduler.domain.errors import JobNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.domain.triggers import InvalidTrigger
from scheduler.models import JobDefinition
from scheduler.queries.job_lists import job_named
from scheduler.queries.triggers import triggers_of
from scheduler.requests.triggers import set_triggers

router = Router(tags=["jobs"])


class TriggersOut(Schema):
    """In the order in which they are tried; docs/events.md says what each part means."""

    triggers: list[dict[str, Any]]


class Triggers(Body):
    """All triggers of a job; an empty list: no event starts it."""

    triggers: Annotated[list[dict[str, Any]], Field(max_length=100)]


@router.get(
    "/jobs/{job}/triggers",
    **operation(TokenScope.READ, TriggersOut, JobNotFound, checked=False, headers=("ETag",)),
)
def get_triggers(request: HttpRequest, response: HttpResponse, job: str) -> Any:
    """The triggers of a job. The ETag is the job's."""
    return _tagged(response, job_named(job))


@router.put(
    "/jobs/{job}/triggers",
    **operation(
        TokenScope.JOBS_WRITE,
        TriggersOut,
        *EDIT_PROBLEMS,
        InvalidTrigger,
        body=True,
        headers=("ETag",),
    ),
)
def replace_triggers(
    request: HttpRequest,
    response: HttpResponse,
    job: str,
    wish: Triggers,
    if_match: IfMatch = None,
) -> Any:
    """Replace all triggers of a job; they count for events that come in from then on."""
    with editing(request, job, if_match) as found:
        set_triggers(found.name, wish.triggers, by=by(request))
    return _tagged(response, job_named(job))


def _tagged(response: HttpResponse, job: JobDefinition) -> dict[str, Any]:
    tag(response, job)
    return {"triggers": triggers_of([job.pk]).get(job.pk, [])}
