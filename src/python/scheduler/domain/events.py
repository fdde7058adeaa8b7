"""An event as it is taken in: its fields, their bounds, and the document that its jobs are given.

Pure: fields and limits are arguments. What is wrong with an event is one InvalidEvent that names
the field; ``index`` is its place in the list it came in.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from scheduler.domain.errors import SchedulerError
from scheduler.domain.json_values import is_storable, parts

TEXT_LIMITS = {"type": 200, "source": 200, "subject": 200, "dedupe_key": 255}
"""Characters that a text field may have."""

NATIVE_FIELDS = frozenset({*TEXT_LIMITS, "occurred_at", "payload"})


class InvalidEvent(SchedulerError):
    """An event cannot be taken as it is; nothing of what came with it was taken either."""

    code = "INVALID_EVENT"

    def __init__(self, name: str, problem: str, allowed: str, index: int | None = None) -> None:
        self.field, self.problem, self.allowed, self.index = name, problem, allowed, index
        which = "Event" if index is None else f"Event {index}"
        super().__init__(f"{which}, field {name!r}: {problem}; allowed: {allowed}.")


class EventNotFound(SchedulerError):
    """A run belongs to an event that the database holds no more."""

    code = "EVENT_NOT_FOUND"

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        super().__init__(f"There is no event {event_id}; it may have been purged by retention.")


@dataclass(frozen=True, slots=True)
class EventLimits:
    """Bounds of one event: bytes of its document (``event_document``), and levels of nesting."""

    max_bytes: int = 65_536
    max_depth: int = 32


@dataclass(frozen=True, slots=True)
class EventFact:
    """What happened. ``occurred_at`` is aware; ``payload`` and ``attributes`` are JSON values.

    ``attributes`` are a CloudEvent's own beside those that have a field here."""

    type: str
    source: str = ""
    subject: str = ""
    dedupe_key: str | None = None
    occurred_at: datetime | None = None
    payload: Any = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def native_event(given: Any, limits: EventLimits) -> EventFact:
    """An event in this platform's own JSON shape. Raises InvalidEvent."""
    if not isinstance(given, dict):
        raise InvalidEvent("event", "it is no object", "a JSON object with the field 'type'")
    strangers = sorted(given.keys() - NATIVE_FIELDS)
    if strangers:
        raise InvalidEvent(_short(strangers[0]), "there is no such field", _listed(NATIVE_FIELDS))
    texts = {name: given[name] for name in TEXT_LIMITS if given.get(name) is not None}
    if "type" not in texts:
        raise InvalidEvent("type", "it is missing", "a text such as 'order.created'")
    happened = instant("occurred_at", given.get("occurred_at"))
    return checked(EventFact(**texts, occurred_at=happened, payload=given.get("payload")), limits)


def checked(fact: EventFact, limits: EventLimits) -> EventFact:
    """The event, when all of it can be kept and handed to a job. Raises InvalidEvent."""
    for name, limit in TEXT_LIMITS.items():
        value = getattr(fact, name)
        if not (name == "dedupe_key" and value is None):
            check_text(name, value, limit)
        if value == "" and name in ("type", "dedupe_key"):
            raise InvalidEvent(name, "it is empty", "a text that is not empty")
    grown = check_json("payload", fact.payload, limits.max_depth)
    grown += check_json("attributes", dict(fact.attributes), limits.max_depth)
    size = len(event_document(UUID(int=0), fact).encode()) + grown
    if size > limits.max_bytes:
        raise InvalidEvent(
            "payload", f"the event has {size} bytes as JSON", f"up to {limits.max_bytes} bytes"
        )
    return fact


def check_text(name: str, value: Any, limit: int) -> None:
    """Raises InvalidEvent for what is no text, too long, or holds what cannot be kept."""
    if not isinstance(value, str):
        raise InvalidEvent(name, f"it is {_kind(value)}", f"a text of up to {limit} characters")
    if len(value) > limit:
        raise InvalidEvent(
            name, f"it has {len(value)} characters", f"a text of up to {limit} characters"
        )
    if not _is_plain(value):
        raise InvalidEvent(name, "it holds control characters or broken Unicode", "plain text")


def check_json(name: str, value: Any, max_depth: int) -> int:
    """Raises InvalidEvent for a value that the database or a job's environment could not hold.

    Returns by how many bytes it may grow in the database, which writes numbers in full."""
    grown = 0
    for part, depth in parts(value):
        if depth > max_depth:
            raise InvalidEvent(
                name, f"it is nested deeper than {max_depth} levels", f"up to {max_depth} levels"
            )
        if isinstance(part, str) and not is_storable(part):
            raise InvalidEvent(name, "a text in it holds NUL or broken Unicode", "other characters")
        if isinstance(part, float):
            grown += _growth(name, part)
    return grown


def instant(name: str, value: Any) -> datetime | None:
    """RFC 3339 text as an aware instant in UTC; None for None. Raises InvalidEvent."""
    if value is None:
        return None
    allowed = "an instant with its offset, such as 2026-11-25T09:00:00+09:00"
    try:
        found = datetime.fromisoformat(value.upper())
        if found.tzinfo is None:
            raise InvalidEvent(name, f"{_short(value)!r} has no offset from UTC", allowed)
        return found.astimezone(UTC)
    except (ValueError, AttributeError, OverflowError):
        raise InvalidEvent(name, f"{_short(value)!r} is no instant", allowed) from None


def event_document(event_id: UUID, fact: EventFact) -> str:
    """What jobs find as ``SCHEDULER_EVENT_JSON``: compact JSON."""
    found = document(event_id, fact)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def document(event_id: UUID, fact: EventFact) -> dict[str, Any]:
    """The event as one JSON object: what triggers look at and what jobs are given."""
    happened = fact.occurred_at
    found = {
        "id": str(event_id),
        "type": fact.type,
        "source": fact.source,
        "subject": fact.subject,
        "dedupe_key": fact.dedupe_key,
        "occurred_at": None if happened is None else happened.astimezone(UTC).isoformat(),
        "payload": fact.payload,
    }
    return {**found, "attributes": dict(fact.attributes)} if fact.attributes else found


def _growth(name: str, number: float) -> int:
    if not math.isfinite(number):
        raise InvalidEvent(name, "a number in it is too large", "numbers up to 1.7e308")
    written = repr(number)
    return max(0, len(f"{Decimal(written):f}") - len(written)) if "e" in written else 0


def _is_plain(text: str) -> bool:
    return is_storable(text) and not any(ch < " " or "\x7f" <= ch <= "\x9f" for ch in text)


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object" if isinstance(value, dict) else "null")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
