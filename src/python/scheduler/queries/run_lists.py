"""Runs in pages, newest first, flat in time however many rows there are.

The order is that of the ids (UUIDv7: the order of planning), so a page begins where the last one
ended, by the index. A filter that few rows satisfy must not turn one page into a walk through the
whole table: each page looks at no more than ``SCAN`` rows. It may so be short, or empty, and still
have a next one; only a page without ``next`` is the last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from scheduler.domain.errors import JobNotFound
from scheduler.domain.values import OPEN_STATES, RunState
from scheduler.models import JobDefinition, JobRun
from scheduler.queries.job_lists import known_names
from scheduler.queries.runs import RunView, id_at, run_views

SCAN = 20_000
APART = timedelta(days=1)
"""More than clocks differ, and more than runs are planned ahead."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs; None: any. Instants are aware; ``_from`` is included, ``_until`` is not.

    ``job`` is a name; where no job has it (any more), the newest deleted one that had."""

    job: str | None = None
    states: frozenset[RunState] | None = None
    worker_id: str | None = None
    reason: str | None = None
    scheduled_from: datetime | None = None
    scheduled_until: datetime | None = None
    finished_from: datetime | None = None
    finished_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunPage:
    """``next`` is what to give as ``before`` for the following page; None on the last one."""

    runs: tuple[RunView, ...]
    next: UUID | None


def run_page(
    wanted: RunFilter, *, before: UUID | None = None, limit: int = 50, scan: int = SCAN
) -> RunPage:
    """The newest ``limit`` runs whose id is below ``before``. Raises JobNotFound."""
    rows = _in_reach(wanted)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    conditions = _conditions(wanted)
    if _only_open(wanted):
        return _page(_by_open_index(rows.filter(**conditions)), limit, None)
    end = _end_of_scan(rows, scan) if conditions else None
    if end is not None:
        rows = rows.filter(pk__gte=end)
    return _page(rows.filter(**conditions).order_by("-pk"), limit, end)


def run_ids(wanted: RunFilter, limit: int) -> list[UUID]:
    """The newest ids of such runs, found by as many pages as it takes, at most ``limit``."""
    found: list[UUID] = []
    before: UUID | None = None
    while len(found) < limit:
        page = run_page(wanted, before=before, limit=limit - len(found))
        found += [run.run_id for run in page.runs]
        before = page.next
        if before is None:
            break
    return found


def _page(rows: QuerySet[JobRun], limit: int, end: UUID | None) -> RunPage:
    found = list(run_views(rows[: limit + 1]))
    if len(found) > limit:
        return RunPage(tuple(found[:limit]), found[limit - 1].run_id)
    return RunPage(tuple(found), end)


def _in_reach(wanted: RunFilter) -> QuerySet[JobRun]:
    """What the indexes can tell of the filter: the job, and bounds of the id."""
    rows = JobRun.objects.all()
    if wanted.job is not None:
        rows = rows.filter(definition_id=_definition_id(wanted.job))
    if wanted.scheduled_from is not None:
        rows = rows.filter(pk__gte=id_at(wanted.scheduled_from - APART))
    if wanted.finished_until is not None:
        rows = rows.filter(pk__lt=id_at(wanted.finished_until + APART))
    return rows


def _definition_id(name: str) -> int:
    named = JobDefinition.objects.filter(name=name).order_by("-id")
    found = named.filter(deleted_at=None).first() or named.first()
    if found is None:
        raise JobNotFound(name, known_names(name))
    return found.pk


def _conditions(wanted: RunFilter) -> dict[str, Any]:
    given = {
        "state__in": None if wanted.states is None else _texts(wanted.states),
        "worker_id": wanted.worker_id,
        "reason": wanted.reason,
        "scheduled_for__gte": wanted.scheduled_from,
        "scheduled_for__lt": wanted.scheduled_until,
        "finished_at__gte": wanted.finished_from,
        "finished_at__lt": wanted.finished_until,
    }
    return {key: value for key, value in given.items() if value is not None}


def _texts(states: Iterable[RunState]) -> list[str]:
    return sorted(state.value for state in states)


def _only_open(wanted: RunFilter) -> bool:
    return wanted.states is not None and wanted.states <= OPEN_STATES


def _by_open_index(rows: QuerySet[JobRun]) -> QuerySet[JobRun]:
    """Open runs are few and have an index; ordered by an expression, so that no plan walks the
    primary key to find them among all that have ended."""
    return rows.filter(finished_at=None).order_by(Cast("pk", TextField()).desc())


def _end_of_scan(rows: QuerySet[JobRun], scan: int) -> UUID | None:
    """The id of the last row to look at; None when there are fewer."""
    return rows.order_by("-pk").values_list("pk", flat=True)[scan - 1 : scan].first()
