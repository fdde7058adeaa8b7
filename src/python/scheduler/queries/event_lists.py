"""Events in pages, newest first; each page looks at a bounded number of rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from scheduler.domain.events import EventNotFound
from scheduler.models import Event
from scheduler.queries.paging import SCAN, below, cut, given, made_between, scanned


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
    made = made_between(Event.objects.all(), wanted.received_from, wanted.received_until)
    rows, end = scanned(below(made, before), _conditions(wanted), scan)
    found = list(rows.defer("payload")[: limit + 1])
    return EventPage(*cut(found, limit, lambda event: event.pk, end))


def find_event(event_id: UUID) -> Event:
    """The event with its payload. Raises EventNotFound."""
    found = Event.objects.filter(pk=event_id).first()
    if found is None:
        raise EventNotFound(event_id)
    return found


def _conditions(wanted: EventFilter) -> dict[str, Any]:
    return given(
        {
            "type": wanted.type,
            "source": wanted.source,
            "received_at__gte": wanted.received_from,
            "received_at__lt": wanted.received_until,
        }
    )
