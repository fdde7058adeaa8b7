"""Why a run waits or ended as it did, and why a job does not run: every reason with its fact."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema

from scheduler.api.rest.answering import operation
from scheduler.api.rest.reading import only_known
from scheduler.api.rest.views import RunOut
from scheduler.domain.errors import JobNotFound, RunNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.queries.why import Answer, why_run
from scheduler.queries.why_job import why_job

router = Router(tags=["why"])


class ReasonOut(Schema):
    """One reason. ``until``: when it ends by itself, where that is known."""

    code: str
    sentence: str
    facts: dict[str, Any]
    until: datetime | None


class WhyRunOut(Schema):
    """All reasons there are now, the first the one that decides."""

    run_id: UUID
    reasons: list[ReasonOut]


class WhyJobOut(Schema):
    """Why the job does not run, why each of its open runs waits, and its last runs."""

    job: str
    reasons: list[ReasonOut]
    next_due: datetime | None
    waiting: list[WhyRunOut]
    last_runs: list[RunOut]


class WhyQuery(Schema):
    lang: Literal["en", "ja"] = "en"


@router.get("/runs/{uuid:run_id}/why", **operation(TokenScope.READ, WhyRunOut, RunNotFound))
def get_why_run(request: HttpRequest, run_id: UUID, query: Query[WhyQuery]) -> Any:
    """Why the run waits, by the leader's own rules and the rows of this moment; or how it ended."""
    only_known(request, WhyQuery)
    return _of_run(run_id, why_run(run_id, lang=query.lang))


@router.get("/jobs/{job}/why", **operation(TokenScope.READ, WhyJobOut, JobNotFound))
def get_why_job(request: HttpRequest, job: str, query: Query[WhyQuery]) -> Any:
    """Why the job does not run; a deleted one too where none of its name is left."""
    only_known(request, WhyQuery)
    report = why_job(job, lang=query.lang)
    return {
        "job": report.job,
        "reasons": report.answers,
        "next_due": report.next_due,
        "waiting": [_of_run(run_id, answer) for run_id, answer in report.waiting],
        "last_runs": report.last_runs,
    }


def _of_run(run_id: UUID, answer: Answer) -> dict[str, Any]:
    return {"run_id": run_id, "reasons": [answer, *answer.more]}
