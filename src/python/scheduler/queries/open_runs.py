"""Open runs as figures: how many there are, what the due ones wait for, how late the latest is.

Everything is read by the index of open runs: it costs what is open, not what there ever was.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from scheduler.domain.lateness import HELD_ON_PURPOSE
from scheduler.domain.values import RunState
from scheduler.models import JobDefinition, JobRun
from scheduler.store.clock import rdb_now


@dataclass(frozen=True, slots=True)
class OpenRuns:
    """``by_queue``: open runs by (state, queue). ``waiting``: runs that are due and have not
    started, by reason (empty: none was told yet). ``latest_seconds``: how long ago the one that
    waits longest was due, those left out that are HELD_ON_PURPOSE; 0 where none is late."""

    by_queue: dict[tuple[RunState, str], int]
    waiting: dict[str, int]
    latest_seconds: float


def open_runs() -> OpenRuns:
    """As things stand now, by the RDB's clock."""
    now = rdb_now()
    rows = JobRun.objects.filter(finished_at=None).order_by()
    by_queue = rows.values_list("state", "definition__queue").annotate(Count("pk"))
    unstarted = rows.filter(due_at__lte=now, state__in=["PENDING", "ASSIGNED"])
    waiting = unstarted.values_list("reason").annotate(Count("pk"), Min("due_at"))
    found = list(waiting)
    late = [due for reason, _, due in found if reason not in HELD_ON_PURPOSE]
    return OpenRuns(
        by_queue={(RunState(state), queue): count for state, queue, count in by_queue},
        waiting={reason: count for reason, count, _ in found},
        latest_seconds=_age(min(late), now) if late else 0.0,
    )


def job_names(limit: int) -> tuple[str, ...]:
    """The names of the enabled jobs, the oldest ``limit`` of them."""
    jobs = JobDefinition.objects.filter(deleted_at=None, enabled=True).order_by("pk")
    return tuple(jobs.values_list("name", flat=True)[:limit])


def _age(instant: datetime, now: datetime) -> float:
    return max(0.0, (now - instant).total_seconds())
