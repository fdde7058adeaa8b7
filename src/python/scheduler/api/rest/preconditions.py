"""Optimistic concurrency: an edit names what it edits by the ETag that was read.

The tag is of what people edit, the job's id and revision: that the scheduler looked at the job
meanwhile (``next_fire_at``) makes no edit fail.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Header

from scheduler.api.rest.access import by
from scheduler.api.rest.refusals import PreconditionRequired
from scheduler.domain.errors import JobNotFound, ManagedByCode
from scheduler.models import JobDefinition
from scheduler.queries.job_lists import job_named
from scheduler.requests.editing import EditConflict, at_revision

TAG = re.compile(r'(W/)?"([^"]*)"')
ANY = "*"

EDIT_PROBLEMS = (JobNotFound, EditConflict, PreconditionRequired, ManagedByCode)
"""What may keep an edit of a job from being made, whatever it edits."""

IfMatch = Annotated[
    str | None,
    Header(
        None,
        alias="If-Match",
        max_length=1000,
        description="The ETag of the job as it was read, or * for whatever it is now. Required.",
    ),
]


def tag(response: HttpResponse, job: JobDefinition) -> None:
    """Give the response the tag of the job as it is."""
    response["ETag"] = f'"{job.pk}.{job.revision}"'


@contextmanager
def editing(
    request: HttpRequest, name: str, if_match: str | None, *, calendar: str | None = None
) -> Iterator[JobDefinition]:
    """The job of this name (or ``id:7``), in a transaction in which it keeps the revision that
    If-Match names; ``calendar`` is the one that the edit names, if any.

    Raises JobNotFound, PreconditionRequired, EditConflict."""
    job = job_named(name)
    with at_revision(job, expected_revisions(job, if_match), by=by(request), calendar=calendar):
        yield job


def expected_revisions(job: JobDefinition, if_match: str | None) -> frozenset[int] | None:
    """The revisions of the job that the header names; None: any will do.

    A weak tag names none, nor does the tag of another job. Raises PreconditionRequired when there
    is no header."""
    if if_match is None:
        raise PreconditionRequired
    if if_match.strip() == ANY:
        return None
    strong = [text for weak, text in TAG.findall(if_match) if not weak]
    pairs = (text.partition(".") for text in strong)
    return frozenset(
        int(revision)
        for pk, _, revision in pairs
        if pk == str(job.pk) and re.fullmatch(r"[0-9]{1,18}", revision)
    )
