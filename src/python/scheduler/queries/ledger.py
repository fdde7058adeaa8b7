"""The audit of the ledger: was every due slot covered by exactly one row?

What was due is computed anew from the schedules, over the span that each definition's cursor says
is planned; what happened is read from the rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from scheduler.domain.values import RunState
from scheduler.models import JobDefinition, JobRun

SLOTS_AT_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class LedgerAudit:
    """``due`` slots, those ``covered`` by a row, ``lost`` (no row) and ``doubled`` (two rows, or
    another attempt after one that succeeded); ``lateness_ms``: of each first attempt that was
    started, from due to claimed, in milliseconds."""

    due: int = 0
    covered: int = 0
    lost: tuple[tuple[str, datetime], ...] = ()
    doubled: tuple[tuple[str, datetime], ...] = ()
    lateness_ms: tuple[float, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.lost and not self.doubled


def ledger_audit(since: datetime, until: datetime) -> LedgerAudit:
    """Audit the slots with ``since < slot <= until`` of all jobs that are enabled now.

    A job counts from its last change of schedule on, and up to its cursor."""
    jobs = JobDefinition.objects.filter(
        deleted_at=None, enabled=True, schedule__isnull=False, edited_at=None
    )
    parts = [_audit(job, since, until) for job in jobs.order_by("id")]
    return LedgerAudit(
        due=sum(part.due for part in parts),
        covered=sum(part.covered for part in parts),
        lost=tuple(slot for part in parts for slot in part.lost),
        doubled=tuple(slot for part in parts for slot in part.doubled),
        lateness_ms=tuple(late for part in parts for late in part.lateness_ms),
    )


def _audit(job: JobDefinition, since: datetime, until: datetime) -> LedgerAudit:
    schedule = job.parsed_schedule()
    assert schedule is not None
    start, end = max(since, job.schedule_since), min(until, job.planned_until)
    due = schedule.between(start, end, SLOTS_AT_MOST)
    rows = list(
        JobRun.objects.filter(definition=job, slot_key__startswith="t:", scheduled_for__lte=end)
        .order_by("scheduled_for", "attempt")
        .only("scheduled_for", "scheduled_until", "attempt", "state", "due_at", "started_at")
    )
    cover = Counter(_covered_slots(due, [row for row in rows if row.attempt == 1]))
    again = {row.scheduled_for for row in _after_success(rows) if start < row.scheduled_for}
    return LedgerAudit(
        due=len(due),
        covered=sum(1 for slot in due if cover[slot]),
        lost=tuple((job.name, slot) for slot in due if not cover[slot]),
        doubled=tuple((job.name, slot) for slot in due if cover[slot] > 1 or slot in again),
        lateness_ms=tuple(_lateness(row for row in rows if start < row.scheduled_for)),
    )


def _covered_slots(due: list[datetime], rows: list[JobRun]) -> Iterator[datetime]:
    for row in rows:
        if row.scheduled_until is None:
            yield row.scheduled_for
        else:
            yield from (slot for slot in due if row.scheduled_for <= slot <= row.scheduled_until)


def _after_success(rows: list[JobRun]) -> Iterator[JobRun]:
    succeeded: set[datetime] = set()
    for row in rows:
        if row.scheduled_for in succeeded:
            yield row
        if row.state == RunState.SUCCEEDED:
            succeeded.add(row.scheduled_for)


def _lateness(rows: Iterable[JobRun]) -> Iterator[float]:
    for row in rows:
        if row.attempt == 1 and row.started_at is not None:
            yield (row.started_at - row.due_at).total_seconds() * 1000
