"""Optimistic concurrency: an edit names what it edits by the ETag that was read.

The tag is of what people edit, the job's id and revision: that the scheduler looked at the job
meanwhile (``next_fire_at``) makes no edit fail.
"""

import re
from typing import Annotated

from ninja import Header

from scheduler.api.rest.refusals import PreconditionRequired
from scheduler.models import JobDefinition

TAG = re.compile(r'(W/)?"([^"]*)"')
ANY = "*"

IfMatch = Annotated[
    str | None,
    Header(
        None,
        alias="If-Match",
        max_length=1000,
        description="The ETag of the job as it was read, or * for whatever it is now. Required.",
    ),
]


def etag_of(job: JobDefinition) -> str:
    """The tag of a job as it is."""
    return f'"{job.pk}.{job.revision}"'


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
