"""Events as a worker needs them: read just before the claim, written again after a fail-over."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from scheduler.domain.events import EventFact, event_document
from scheduler.domain.values import Claim
from scheduler.store.dialects import json_of, maybe_time, uuid_of
from scheduler.store.fencing import chunks
from scheduler.store.sessions import Closing, Row
from scheduler.store.statements import Statement

EVENTS = Statement(
    batches={"v": {"id": "uuid"}},
    result="""
        SELECT e.id, e.type, e.source, e.subject, e.dedupe_key, e.occurred_at, e.payload::text,
               e.attributes::text
        FROM v JOIN scheduler_event AS e ON e.id = v.id
    """,
)
# Who posted it is not known to the worker; that it was handled shows in the run it started.
RESTORE_EVENTS = Statement(
    batches={
        "v": {
            "id": "uuid",
            "type": "text",
            "source": "text",
            "subject": "text",
            "dedupe_key": "text",
            "occurred_at": "timestamptz",
            "payload": "jsonb",
            "attributes": "jsonb",
        }
    },
    result="""
        INSERT INTO scheduler_event
            (id, type, source, subject, dedupe_key, occurred_at, payload, attributes, received_at,
             handled_at)
        SELECT v.id, v.type, v.source, v.subject, v.dedupe_key, v.occurred_at, v.payload,
               v.attributes, clock_timestamp(), clock_timestamp()
        FROM v WHERE true
        ON CONFLICT DO NOTHING
    """,
)


class EventRows(Closing):
    """The part of ``ports.WorkerStore`` that knows events."""

    def events(self, event_ids: Sequence[UUID]) -> dict[UUID, str]:
        rows = [
            row
            for part in chunks(event_ids)
            for row in self._session.run(EVENTS, {"v": [(event,) for event in part]})
        ]
        return {uuid_of(row[0]): event_document(uuid_of(row[0]), _fact(row)) for row in rows}

    def _restore_events(self, claims: Sequence[Claim]) -> None:
        rows = {claim.event_id: _row(claim.event_json) for claim in claims if claim.event_json}
        for part in chunks(list(rows.values())):
            self._session.run(RESTORE_EVENTS, {"v": part})


def _fact(row: Row) -> EventFact:
    return EventFact(
        type=row[1],
        source=row[2],
        subject=row[3],
        dedupe_key=row[4],
        occurred_at=maybe_time(row[5]),
        payload=json_of(row[6]),
        attributes=json_of(row[7]) or {},
    )


def _row(document: str) -> tuple[Any, ...]:
    """The columns of RESTORE_EVENTS, from what the job was given."""
    event = json.loads(document)
    occurred_at = event["occurred_at"]
    return (
        UUID(event["id"]),
        event["type"],
        event["source"],
        event["subject"],
        event["dedupe_key"],
        maybe_time(occurred_at),
        None if event["payload"] is None else json.dumps(event["payload"]),
        json.dumps(event.get("attributes", {})),
    )
