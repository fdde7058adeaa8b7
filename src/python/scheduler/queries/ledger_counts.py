"""Ended runs, counted: for figures that are kept elsewhere and must count each run once.

Counts and open runs of a range come from one statement, hence from one moment: whoever keeps the
open ones, and asks for them again with ``counted_among``, misses no run and counts none twice.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from uuid import UUID

from django.db.models import BooleanField, Case, Count, F, Max, Q, QuerySet, Sum, UUIDField, When

from scheduler.domain.values import RunState
from scheduler.models import JobDefinition, JobRun, RunRequest

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class EndedRuns:
    """Ended runs of one job that are alike. ``slots`` exceeds ``runs`` where one row stands for
    many missed slots; ``retries`` are those of a later attempt than the first; ``seconds`` is the
    time that they ran; ``last_at`` (aware UTC) when the last of them ended."""

    job_name: str
    state: RunState
    reason: str
    runs: int
    slots: int
    retries: int
    seconds: float
    last_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerCount:
    """What has ended, and the ids of what has not. A run that was deleted is in neither."""

    ended: tuple[EndedRuns, ...]
    still_open: tuple[UUID, ...]


def counted_between(after: UUID, until: UUID, but: Collection[UUID] = ()) -> LedgerCount:
    """The runs with ``after < id <= until`` that are not in ``but``, by the primary key. Ids
    (UUIDv7) tell when a run was planned or asked for: one of the last seconds may still be on its
    way, and one that was asked for is (``requested_run_ids``)."""
    rows = JobRun.objects.filter(pk__gt=after, pk__lte=until)
    return _counted(rows.exclude(pk__in=list(but)) if but else rows)


def counted_among(run_ids: Iterable[UUID]) -> LedgerCount:
    """These runs, wherever they stand."""
    some = batched(run_ids, _AT_ONCE, strict=False)
    parts = [_counted(JobRun.objects.filter(pk__in=ids)) for ids in some]
    return LedgerCount(
        ended=tuple(one for part in parts for one in part.ended),
        still_open=tuple(one for part in parts for one in part.still_open),
    )


def open_run_ids(until: UUID) -> tuple[UUID, ...]:
    """The open runs with ``id <= until``, by the index of open runs."""
    rows = JobRun.objects.filter(finished_at=None).order_by().values_list("pk", flat=True)
    return tuple(pk for pk in rows if pk <= until)


def requested_run_ids(until: UUID) -> frozenset[UUID]:
    """The ids of runs that were asked for and are not planned yet, those with ``id <= until``: a
    run has its request's id, and comes when there is a leader."""
    open_requests = RunRequest.objects.filter(handled_at=None).order_by()
    return frozenset(pk for pk in open_requests.values_list("pk", flat=True) if pk <= until)


def jobs_still_there(names: Collection[str]) -> frozenset[str]:
    """Those of the names that a job has which is not deleted."""
    jobs = JobDefinition.objects.filter(deleted_at=None, name__in=list(names)).order_by()
    return frozenset(jobs.values_list("name", flat=True))


def _counted(rows: QuerySet[JobRun]) -> LedgerCount:
    """Ended runs in groups; each open run is a group of its own."""
    open_id = Case(When(finished_at=None, then=F("pk")), default=None, output_field=UUIDField())
    groups = list(
        rows.order_by()
        .annotate(
            open_id=open_id,
            again=Case(When(attempt__gt=1, then=True), default=False, output_field=BooleanField()),
        )
        .values_list("open_id", "definition__name", "state", "reason", "again")
        .annotate(
            runs=Count("pk"),
            slots=Sum("slot_count"),
            took=Sum(F("finished_at") - F("started_at"), filter=Q(started_at__isnull=False)),
            last_at=Max("finished_at"),
        )
    )
    return LedgerCount(
        ended=tuple(_ended(*group[1:]) for group in groups if group[0] is None),
        still_open=tuple(group[0] for group in groups if group[0] is not None),
    )


def _ended(
    job_name: str,
    state: str,
    reason: str,
    again: bool,
    runs: int,
    slots: int,
    took: timedelta | None,
    last_at: datetime,
) -> EndedRuns:
    return EndedRuns(
        job_name=job_name,
        state=RunState(state),
        reason=reason,
        runs=runs,
        slots=slots,
        retries=runs if again else 0,
        seconds=took.total_seconds() if took else 0.0,
        last_at=last_at,
    )
