"""Events that were taken, as a list and one by one; they are posted at /api/events/ingest/."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema

from scheduler.api.rest.answering import operation
from scheduler.api.rest.paging import cursor_of, id_of
from scheduler.api.rest.reading import Cursor, Instant, Limit, Text, only_known
from scheduler.domain.events import EventNotFound
from scheduler.domain.tokens import TokenScope
from scheduler.queries.event_lists import EventFilter, event_page, find_event

router = Router(tags=["events"])


class EventOut(Schema):
    """A fact posted from outside."""

    id: UUID
    type: str
    source: str
    subject: str
    dedupe_key: str | None
    occurred_at: datetime | None
    received_at: datetime
    received_by: str
    handled_at: datetime | None


class StartedRun(Schema):
    job: str
    run_id: UUID


class EventDetailOut(EventOut):
    """With the payload, what a CloudEvent brings beside it, and the runs that it started."""

    payload: Any
    attributes: dict[str, Any]
    runs: list[StartedRun]


class EventPageOut(Schema):
    """A page may be short, or empty, and still have a ``next``."""

    events: list[EventOut]
    next: str | None


class EventQuery(Schema):
    type: Text | None = None
    source: Text | None = None
    received_from: Instant | None = None
    received_until: Instant | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


@router.get("/events", **operation(TokenScope.READ, EventPageOut))
def list_events(request: HttpRequest, query: Query[EventQuery]) -> Any:
    """Events, newest first, without their payloads."""
    only_known(request, EventQuery)
    wanted = EventFilter(query.type, query.source, query.received_from, query.received_until)
    page = event_page(wanted, before=id_of(query.cursor), limit=query.limit)
    return {"events": page.events, "next": cursor_of(page.next)}


@router.get(
    "/events/{uuid:event_id}",
    **operation(TokenScope.READ, EventDetailOut, EventNotFound, checked=False),
)
def get_event(request: HttpRequest, event_id: UUID) -> Any:
    """An event with its payload."""
    event = find_event(event_id)
    names = [name for name in EventDetailOut.model_fields if name != "runs"]
    started = [{"job": job, "run_id": run_id} for job, run_id in event.runs]
    return {name: getattr(event, name) for name in names} | {"runs": started}
