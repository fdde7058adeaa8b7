"""What those who tell people of runs ask: what happened, what has not started, what works again."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from scheduler.domain.lateness import HELD_ON_PURPOSE
from scheduler.domain.values import RunState
from scheduler.models import JobRun, JobRunDetail

SUCCESSES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run. Instants are aware UTC; ``timezone`` is its job's. ``will_be_retried``: another
    attempt is due or was made. ``explanation`` is the sentence kept beside the reason."""

    run_id: UUID
    definition_id: int
    job_name: str
    timezone: str
    state: RunState
    attempt: int
    will_be_retried: bool
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int | None
    reason: str
    explanation: str
    worker_id: str | None


def run_facts(run_ids: Collection[UUID]) -> dict[UUID, RunFacts]:
    """The runs of these ids that there are, by two queries."""
    return {one.run_id: one for one in _facts(JobRun.objects.filter(pk__in=run_ids))}


def runs_not_started(
    due_before: datetime, *, after: tuple[datetime, UUID] | None = None, limit: int = 500
) -> list[RunFacts]:
    """Runs due before an instant that have not started, in the order of (due_at, run_id), from
    ``after`` on; without those that are HELD_ON_PURPOSE, and those that a worker was given since
    that instant: one that was held until now is about to start. Looks at open runs alone, by
    index."""
    on_its_way = Q(state=RunState.ASSIGNED, assigned_at__gte=due_before)
    rows = (
        JobRun.objects.filter(finished_at=None, due_at__lt=due_before)
        .filter(state__in=[RunState.PENDING, RunState.ASSIGNED])
        .exclude(reason__in=HELD_ON_PURPOSE)
        .exclude(on_its_way)
    )
    if after is not None:
        rows = rows.filter(Q(due_at__gt=after[0]) | Q(due_at=after[0], pk__gt=after[1]))
    return list(_facts(rows.order_by("due_at", "pk")[:limit]))


def first_success_after(failures: Mapping[int, tuple[UUID, datetime]]) -> dict[int, RunFacts]:
    """For each definition the first run that was planned after the named one and succeeded after
    the instant; where there is none (yet), nothing. Reads no further back than the named runs, by
    index."""
    if not failures:
        return {}
    later = reduce(
        or_,
        (
            Q(definition_id=key, pk__gt=run_id, finished_at__gt=at)
            for key, (run_id, at) in failures.items()
        ),
    )
    rows = JobRun.objects.filter(later, state=RunState.SUCCEEDED).order_by("pk")
    found: dict[int, RunFacts] = {}
    for one in _facts(rows[:SUCCESSES_AT_ONCE]):
        found.setdefault(one.definition_id, one)
    return found


def _facts(rows: QuerySet[JobRun]) -> Iterator[RunFacts]:
    following = JobRun.objects.filter(
        definition=OuterRef("definition"),
        slot_key=OuterRef("slot_key"),
        attempt=OuterRef("attempt") + 1,
    )
    found = list(rows.select_related("definition").annotate(followed=Exists(following)))
    sentences = _explanations(row.pk for row in found)
    for row in found:
        yield RunFacts(
            run_id=row.pk,
            definition_id=row.definition_id,
            job_name=row.definition.name,
            timezone=row.definition.timezone,
            state=RunState(row.state),
            attempt=row.attempt,
            will_be_retried=row.retry_due_at is not None or row.followed,
            due_at=row.due_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            exit_code=row.exit_code,
            reason=row.reason,
            explanation=sentences.get(row.pk, ""),
            worker_id=row.worker_id,
        )


def _explanations(run_ids: Iterable[UUID]) -> dict[UUID, str]:
    kept = JobRunDetail.objects.filter(pk__in=list(run_ids))
    return {
        key: error or why for key, error, why in kept.values_list("pk", "error", "reason_detail")
    }
