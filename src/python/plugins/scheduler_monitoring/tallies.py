"""The durable tallies: each ended run of the ledger is added exactly once.

A cursor walks through the ids of runs, which rise with the time of planning; runs below it that
were still open, or only asked for (such a run has its request's id, and comes with the next
leader), are remembered by id and asked for again. Cursor, remembered ids and tallies are
written in one transaction under the cursor's lock, so neither a crash nor two leaders at a time
count a run twice or leave one out. Nothing is asked of the runs themselves, of their workers or
of the outbox: a worker's SIGKILL loses nothing, and a run that no worker ever had counts too.

What is counted is settled: ids up to ``SETTLED`` ago, for a run that is planned now may commit
after a later one. So the counters are that much behind for a run that ends sooner.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from time import monotonic
from uuid import UUID

from scheduler.queries.cluster import cluster_status
from scheduler.queries.ledger_counts import (
    EndedRuns,
    LedgerCount,
    counted_among,
    counted_between,
    jobs_still_there,
    open_run_ids,
    requested_run_ids,
)
from scheduler.queries.run_histories import planned_at
from scheduler.queries.runs import id_at
from scheduler_monitoring.counting import Addition, TallyFigure, TallyKey, additions
from scheduler_monitoring.labels import OTHER, JobLabels

SETTLED = timedelta(seconds=30)
"""Longer than a planner's statement may take, and than clocks of leaders may differ."""

AT_ONCE = timedelta(minutes=10)
"""So much of the ledger is counted in one transaction."""

_PARTS = 20

_ADD = """
    INSERT INTO scheduler_monitoring_tally (figure, job_name, label, value, last_at)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (figure, job_name, label) DO UPDATE
    SET value = scheduler_monitoring_tally.value + excluded.value,
        last_at = CASE WHEN excluded.last_at > scheduler_monitoring_tally.last_at
                       THEN excluded.last_at ELSE scheduler_monitoring_tally.last_at END
"""


@dataclass(frozen=True, slots=True)
class Tallied:
    """The tallies as they stand. ``counted_until`` is aware UTC, None before the first count."""

    values: Mapping[TallyKey, Addition]
    counted_until: datetime | None


def count_ledger(now: datetime, max_jobs: Callable[[], int]) -> bool:
    """Add what has ended of the runs planned up to ``now - SETTLED``; False where there is more to
    be counted at once.

    The first count of all begins there: what had ended before is not counted, what is open then
    will be.
    """
    from scheduler.requests.recording import writing
    from scheduler_monitoring.models import TallyCursor

    settled = id_at(now - SETTLED)
    with writing():
        cursor = TallyCursor.objects.select_for_update().filter(pk=1).first()
        if cursor is None:
            _begin(settled)
            return True
        until = min(settled, id_at(planned_at(cursor.counted_until) + AT_ONCE))
        count = _counted(cursor.counted_until, until, _unpacked(cursor.open_runs))
        _add(count.ended, max_jobs)
        cursor.counted_until = max(cursor.counted_until, until)
        cursor.open_runs = _packed(count.still_open)
        cursor.save()
    return until == settled


def read_tallies() -> Tallied:
    """The tallies, for a page."""
    from scheduler_monitoring.models import Tally, TallyCursor

    cursor = TallyCursor.objects.filter(pk=1).values_list("counted_until", flat=True).first()
    rows = Tally.objects.order_by("pk")
    return Tallied(
        values={
            TallyKey(TallyFigure(row.figure), row.job_name, row.label): Addition(
                row.value, row.last_at
            )
            for row in rows
        },
        counted_until=None if cursor is None else planned_at(cursor),
    )


def _begin(settled: UUID) -> None:
    """Two leaders may want to begin: the second finds the row."""
    from scheduler_monitoring.models import TallyCursor

    requested = requested_run_ids(settled)
    open_runs = _packed(requested.union(open_run_ids(settled)))
    TallyCursor.objects.get_or_create(
        pk=1, defaults={"counted_until": settled, "open_runs": open_runs}
    )


def _counted(after: UUID, until: UUID, open_before: Sequence[UUID]) -> LedgerCount:
    # First: what is planned from here on is remembered, and so not counted where it stands.
    requested = requested_run_ids(until)
    new = LedgerCount((), ())
    if after < until:
        new = counted_between(after, until, requested)
    # One look at the index of open runs spares a question about each that is remembered.
    open_now = requested.union(open_run_ids(until)) if open_before else requested
    waiting = tuple(run_id for run_id in open_before if run_id in open_now)
    old = counted_among(run_id for run_id in open_before if run_id not in open_now)
    asked = tuple(requested.difference(open_before))
    return LedgerCount(new.ended + old.ended, waiting + asked + old.still_open + new.still_open)


def _add(ended: Iterable[EndedRuns], max_jobs: Callable[[], int]) -> None:
    from django.db import connection

    from scheduler_monitoring.models import Tally

    ended = list(ended)
    names = dict.fromkeys(Tally.objects.order_by("pk").values_list("job_name", flat=True))
    there = jobs_still_there({*names, *(group.job_name for group in ended)})
    # A job that was deleted gives its place to another: else all would be taken some day.
    Tally.objects.filter(job_name__in=names.keys() - there - {OTHER}).delete()
    labels = JobLabels(max_jobs, filter(there.__contains__, names))
    found = additions(ended, lambda job: labels.label(job) if job in there else OTHER)
    rows = [
        (key.figure.value, key.job_name, key.label, added.value, added.last_at)
        for key, added in found.items()
    ]
    with connection.cursor() as cursor:
        for some in batched(rows, 500, strict=False):
            cursor.executemany(_ADD, some)


def _packed(run_ids: Iterable[UUID]) -> bytes:
    return b"".join(run_id.bytes for run_id in run_ids)


def _unpacked(packed: bytes | memoryview) -> list[UUID]:
    whole = bytes(packed)
    return [UUID(bytes=whole[at : at + 16]) for at in range(0, len(whole), 16)]


def pause(took_seconds: float, every_seconds: float) -> float:
    """How long to wait after a count that took so long."""
    return max(every_seconds, took_seconds * _PARTS)


class Tallier:
    """The leader's service that counts every few seconds, and takes no more than a twentieth of
    its time for it: with very many open runs it counts less often."""

    def __init__(self, max_jobs: Callable[[], int], every_seconds: float = 10.0) -> None:
        self._max_jobs, self._every = max_jobs, every_seconds

    def tick(self) -> float:
        """One count; the seconds until the next."""
        from django.db import close_old_connections

        close_old_connections()
        began = monotonic()
        # The RDB's clock: a leader's that runs ahead would put the cursor past runs yet to come.
        done = count_ledger(cluster_status().at, self._max_jobs)
        return pause(monotonic() - began, self._every) if done else 0.0

    def close(self) -> None:
        """Give the thread's connection back."""
        from django.db import connection

        connection.close()
