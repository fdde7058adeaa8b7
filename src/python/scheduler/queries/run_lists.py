"""Runs in pages, newest first: in the order of their ids (UUIDv7), which is that of planning."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from scheduler.domain.values import OPEN_STATES, RunState
from scheduler.models import JobRun
from scheduler.queries.paging import SCAN, below, cut, given, made_between, scanned
from scheduler.queries.runs import RunView, run_views
from scheduler.store.jobs import find_job_or_deleted


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
    rows, conditions = below(_in_reach(wanted), before), _conditions(wanted)
    end = None
    if _only_open(wanted):
        rows = _by_open_index(rows.filter(**conditions))
    else:
        rows, end = scanned(rows, conditions, scan)
    found = list(run_views(rows[: limit + 1]))
    return RunPage(*cut(found, limit, lambda run: run.run_id, end))


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


def _in_reach(wanted: RunFilter) -> QuerySet[JobRun]:
    """What the indexes can tell of the filter: the job, and bounds of the id."""
    rows = made_between(JobRun.objects.all(), wanted.scheduled_from, wanted.finished_until)
    if wanted.job is not None:
        rows = rows.filter(definition=find_job_or_deleted(wanted.job))
    return rows


def _conditions(wanted: RunFilter) -> dict[str, Any]:
    asked = {
        "state__in": None if wanted.states is None else _texts(wanted.states),
        "worker_id": wanted.worker_id,
        "reason": wanted.reason,
        "scheduled_for__gte": wanted.scheduled_from,
        "scheduled_for__lt": wanted.scheduled_until,
        "finished_at__gte": wanted.finished_from,
        "finished_at__lt": wanted.finished_until,
    }
    return given(asked)


def _texts(states: Iterable[RunState]) -> list[str]:
    return sorted(state.value for state in states)


def _only_open(wanted: RunFilter) -> bool:
    return wanted.states is not None and wanted.states <= OPEN_STATES


def _by_open_index(rows: QuerySet[JobRun]) -> QuerySet[JobRun]:
    """Open runs are few and have an index; ordered by an expression, so that no plan walks the
    primary key to find them among all that have ended."""
    return rows.filter(finished_at=None).order_by(Cast("pk", TextField()).desc())
