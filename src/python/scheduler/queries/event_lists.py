"""Events in pages, newest first; each page looks at a bounded number of rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from scheduler.domain.events import EventNotFound
from scheduler.models import Event
from scheduler.queries.runs import id_at

SCAN = 20_000
APART = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; None: any. ``received_from`` is included, ``received_until`` is not."""

    type: str | None = None
    source: str | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """``next`` is what to give as ``before`` for the following page; None on the last one. A page
    that is short, or empty, may have one."""

    events: tuple[Event, ...]
    next: UUID | None


def event_page(
    wanted: EventFilter, *, before: UUID | None = None, limit: int = 50, scan: int = SCAN
) -> EventPage:
    """The newest ``limit`` events whose id is below ``before``, without their payloads."""
    rows = _in_reach(wanted)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    conditions = _conditions(wanted)
    end = _end_of_scan(rows, scan) if conditions else None
    if end is not None:
        rows = rows.filter(pk__gte=end)
    shown = rows.filter(**conditions).order_by("-pk").defer("payload")
    found = tuple(shown[: limit + 1])
    if len(found) > limit:
        return EventPage(found[:limit], found[limit - 1].pk)
    return EventPage(found, end)


def find_event(event_id: UUID) -> Event:
    """The event with its payload. Raises EventNotFound."""
    found = Event.objects.filter(pk=event_id).first()
    if found is None:
        raise EventNotFound(event_id)
    return found


def _in_reach(wanted: EventFilter) -> QuerySet[Event]:
    """Ids are made when events are received: they bound the range."""
    rows = Event.objects.all()
    if wanted.received_from is not None:
        rows = rows.filter(pk__gte=id_at(wanted.received_from - APART))
    if wanted.received_until is not None:
        rows = rows.filter(pk__lt=id_at(wanted.received_until + APART))
    return rows


def _conditions(wanted: EventFilter) -> dict[str, Any]:
    given = {
        "type": wanted.type,
        "source": wanted.source,
        "received_at__gte": wanted.received_from,
        "received_at__lt": wanted.received_until,
    }
    return {key: value for key, value in given.items() if value is not None}


def _end_of_scan(rows: QuerySet[Event], scan: int) -> UUID | None:
    return rows.order_by("-pk").values_list("pk", flat=True)[scan - 1 : scan].first()
