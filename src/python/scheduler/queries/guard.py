"""What the storm guard holds back: jobs in quarantine, runs by the limit that holds them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from scheduler.domain.values import Reason
from scheduler.models import JobDefinition, JobRun

HELD_BY_GUARD = (
    Reason.WAIT_PAUSED,
    Reason.WAIT_QUARANTINED,
    Reason.WAIT_START_CAP,
    Reason.WAIT_RETRY_BUDGET,
)


@dataclass(frozen=True, slots=True)
class QuarantinedJob:
    """A job in quarantine. ``since`` is aware UTC."""

    name: str
    since: datetime
    reason: str
    failures_in_row: int


def quarantined_jobs() -> list[QuarantinedJob]:
    """All of them, by name."""
    rows = JobDefinition.objects.filter(deleted_at=None, quarantined_at__isnull=False)
    return [
        QuarantinedJob(row.name, row.quarantined_at, row.quarantine_reason, row.failures_in_row)
        for row in rows.order_by("name")
        if row.quarantined_at is not None
    ]


def held_runs() -> dict[Reason, int]:
    """How many runs wait for each limit of the guard. Looks at open runs alone."""
    waiting = JobRun.objects.filter(finished_at=None, state="PENDING", reason__in=HELD_BY_GUARD)
    counts = waiting.order_by().values_list("reason").annotate(Count("id"))
    return {Reason(reason): count for reason, count in sorted(counts)}
