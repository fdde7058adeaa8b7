"""Backfills with how far they have come."""

from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from scheduler.domain.values import RunState
from scheduler.models import Backfill, BackfillSlot, JobRun
from scheduler.queries.paging import below, cut


@dataclass(frozen=True, slots=True)
class BackfillView:
    """One backfill. ``state`` is running, done or canceled; done means that every slot was handed
    on, and the last runs may still be under way."""

    backfill_id: UUID
    job_name: str
    since: datetime
    until: datetime
    state: str
    pace: int
    only_missing: bool
    args: Any
    slot_count: int
    requested_by: str
    requested_at: datetime
    fed_at: datetime | None
    canceled_at: datetime | None


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """``waiting`` slots have not been handed on; ``runs`` counts the newest attempts by state."""

    waiting: int
    runs: dict[RunState, int]


@dataclass(frozen=True, slots=True)
class BackfillPage:
    """``next`` is what to give as ``before`` for the following page; None on the last one."""

    backfills: tuple[BackfillView, ...]
    next: UUID | None


def backfill_page(
    *, job: str | None = None, before: UUID | None = None, limit: int = 50
) -> BackfillPage:
    """The newest ``limit`` backfills whose id is below ``before``."""
    rows = below(Backfill.objects.order_by("-pk"), before)
    if job is not None:
        rows = rows.filter(definition__name=job)
    found = _views(rows[: limit + 1])
    return BackfillPage(*cut(found, limit, lambda backfill: backfill.backfill_id))


def backfill_view(backfill_id: UUID) -> BackfillView | None:
    """The backfill of this id."""
    return next(iter(_views(Backfill.objects.filter(pk=backfill_id))), None)


def backfill_progress(backfill_id: UUID) -> BackfillProgress:
    """How far it has come, by the index of the slots' keys."""
    slots = BackfillSlot.objects.filter(backfill_id=backfill_id)
    definition = Backfill.objects.values_list("definition_id", flat=True).get(pk=backfill_id)
    keys = slots.exclude(request_id=None).values_list("slot_key", flat=True)
    counts: dict[RunState, int] = {}
    for part in batched(keys, 1000, strict=False):
        newest: dict[str, str] = {}
        rows = JobRun.objects.filter(definition_id=definition, slot_key__in=part)
        for key, state in rows.order_by("attempt").values_list("slot_key", "state"):
            newest[key] = state
        for state in newest.values():
            counts[RunState(state)] = counts.get(RunState(state), 0) + 1
    return BackfillProgress(slots.filter(request_id=None).count(), counts)


def _views(rows: QuerySet[Backfill]) -> list[BackfillView]:
    return [_view(row) for row in rows.select_related("definition")]


def _view(row: Backfill) -> BackfillView:
    ended = "canceled" if row.canceled_at else "done"
    return BackfillView(
        backfill_id=row.pk,
        job_name=row.definition.name,
        since=row.since,
        until=row.until,
        state=ended if row.fed_at else "running",
        pace=row.pace,
        only_missing=row.only_missing,
        args=row.args,
        slot_count=row.slot_count,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        fed_at=row.fed_at,
        canceled_at=row.canceled_at,
    )
