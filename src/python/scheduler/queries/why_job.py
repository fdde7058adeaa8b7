"""Why does a job not run? What stands in the way of its next run, and how its last ones went."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scheduler.domain.errors import CalendarNotFound, InvalidCalendar, InvalidSchedule
from scheduler.domain.inquiry import Candidate, obstacles
from scheduler.domain.planning import slot_key
from scheduler.models import Dependency, JobDefinition, JobRun, RunRequest
from scheduler.queries.runs import RunView, recent_runs_of
from scheduler.queries.why import Answer, answer, answer_of, inquiry, no_leader
from scheduler.queries.why_facts import facts_of
from scheduler.queries.why_situation import situation, standing
from scheduler.store.clock import rdb_now
from scheduler.store.inquiry import SqlInquiry
from scheduler.store.jobs import find_job_or_deleted

LAST_RUNS, OPEN_RUNS = 5, 3
NOBODYS = UUID(int=2**128 - 1)
"""The id of a run that is only thought of: it comes after all there are."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """``answers`` are all reasons, the first the most basic; ``next_due`` is the next instant of
    its schedule (None: there is none); ``last_runs`` the newest first, ``waiting`` why its open
    runs wait, by run id."""

    job: str
    answers: tuple[Answer, ...]
    next_due: datetime | None
    last_runs: tuple[RunView, ...]
    waiting: tuple[tuple[UUID, Answer], ...]


def why_job(name: str, now: datetime | None = None, *, lang: str = "en") -> JobReport:
    """All about the job ``name``, a deleted one too where none of that name is left; ``now`` is
    cluster time (None: ask the RDB). Raises JobNotFound with the nearest, DatabaseUnavailable."""
    job, now = find_job_or_deleted(name), now or rdb_now()
    next_due = _next_due(job, now)
    runs = JobRun.objects.select_related("definition").filter(definition=job, finished_at=None)
    first = runs.order_by("due_at", "id")[:OPEN_RUNS]
    with inquiry() as reads:
        waiting = tuple((run.pk, answer_of(run, reads, now, lang)) for run in first)
        answers = tuple(_answers(job, reads, next_due, now, lang))
    return JobReport(name, answers, next_due, tuple(recent_runs_of(job.pk, LAST_RUNS)), waiting)


def _next_due(job: JobDefinition, now: datetime) -> datetime | None:
    if job.schedule is None or not job.enabled or job.deleted_at is not None:
        return None
    try:
        schedule = job.parsed_schedule()
    except (InvalidSchedule, InvalidCalendar, CalendarNotFound):
        return None
    return None if schedule is None else schedule.next_after(now)


def _answers(
    job: JobDefinition, reads: SqlInquiry, next_due: datetime | None, now: datetime, lang: str
) -> Iterator[Answer]:
    if job.deleted_at is not None:
        yield answer("DELETED", {"since": job.deleted_at}, lang)
        return
    yield from no_leader(standing(reads), lang)
    yield from _of_the_schedule(job, next_due, now, lang)
    yield from _of_requests(job, lang)
    yield from _of_places(job, reads, now, lang)
    if next_due is not None:
        yield answer("NOT_DUE", {"due": next_due}, lang, until=next_due)


def _of_the_schedule(
    job: JobDefinition, next_due: datetime | None, now: datetime, lang: str
) -> Iterator[Answer]:
    if not job.enabled:
        yield answer("DISABLED", {}, lang)
    if job.schedule is None:
        yield _unscheduled(job, lang)
        return
    if job.starts_at is not None and job.starts_at > now:
        yield answer("WINDOW_NOT_BEGUN", {"due": job.starts_at}, lang, until=job.starts_at)
    if job.ends_at is not None and job.ends_at < now:
        yield answer("WINDOW_OVER", {"since": job.ends_at}, lang)
    elif job.enabled and next_due is None:
        yield _without_slots(job, lang)
    if job.edited_at is not None and job.enabled:
        yield answer("EDIT_NOT_PLANNED", {"since": job.edited_at}, lang)
    yield from _left_out(job, lang)


def _unscheduled(job: JobDefinition, lang: str) -> Answer:
    rows = Dependency.objects.filter(definition=job).select_related("upstream").order_by("pk")
    upstreams = [row.upstream.name for row in rows]
    if not upstreams:
        return answer("NO_SCHEDULE", {}, lang)
    return answer("TRIGGERED", {"after": upstreams}, lang)


def _without_slots(job: JobDefinition, lang: str) -> Answer:
    try:
        job.parsed_schedule()
    except (InvalidSchedule, InvalidCalendar, CalendarNotFound) as error:
        return answer("SCHEDULE_UNREADABLE", {}, lang, detail=str(error))
    return answer("NO_MORE_SLOTS", {}, lang)


def _left_out(job: JobDefinition, lang: str) -> Iterator[Answer]:
    """The job's newest slot, where its calendar left it out."""
    for last in recent_runs_of(job.pk, 1):
        if last.reason == "CALENDAR":
            facts = {"slot": last.scheduled_for, "run": str(last.run_id)}
            yield answer("CALENDAR", facts, lang)


def _of_requests(job: JobDefinition, lang: str) -> Iterator[Answer]:
    open_ones = RunRequest.objects.filter(definition=job, handled_at=None)
    asked = open_ones.order_by("requested_at").first()
    if asked is not None:
        facts = {"since": asked.requested_at, "by": asked.requested_by, "request": str(asked.pk)}
        yield answer("REQUEST_NOT_TAKEN", facts, lang)


def _of_places(job: JobDefinition, reads: SqlInquiry, now: datetime, lang: str) -> Iterator[Answer]:
    """What would hold a run of it that were due now."""
    found = situation(reads, _thought_of(job, now), [], now)
    for each in obstacles(found):
        facts = facts_of(each.reason, found, job)
        yield answer(each.reason, facts, lang, detail=each.detail)


def _thought_of(job: JobDefinition, now: datetime) -> Candidate:
    return Candidate(
        run_id=NOBODYS,
        definition_id=job.pk,
        slot_key=slot_key(now),
        attempt=1,
        scheduled_for=now,
        due_at=now,
        priority=job.priority,
        queue=job.queue,
        required_labels=job.required_labels,
        executor=job.executor,
        concurrency_policy=job.concurrency_policy,
        max_parallel=job.max_parallel,
        skip_late_after_seconds=job.skip_late_after_seconds,
        cancel_requested=False,
        quarantined=job.quarantined_at is not None,
        reason=None,
        start_cap_per_minute=job.start_cap_per_minute,
        retry_budget_per_hour=job.retry_budget_per_hour,
        quarantine_after_failures=job.quarantine_after_failures,
        own_retry=False,
        depends=False,
    )
