"""What a POST of events says: its shape by media type and headers, then its events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any

from scheduler.domain.cloudevents import (
    BATCH,
    STRUCTURED,
    binary_event,
    is_binary_event,
    structured_event,
)
from scheduler.domain.events import EventFact, EventLimits, InvalidEvent, native_event
from scheduler.domain.json_values import load_json
from scheduler.plugin_api.problems import HttpProblem

NATIVE = "application/json"


class MalformedBody(HttpProblem):
    """The body is not what its media type says."""

    code = "MALFORMED_BODY"

    def __init__(self, why: str) -> None:
        super().__init__(f"The body is no JSON: {why}.")


class UnsupportedMedia(HttpProblem):
    """A media type, charset or encoding that is not taken."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self, what: str, allowed: str) -> None:
        super().__init__(f"{what} is not taken here; allowed: {allowed}.")


class TooManyEvents(HttpProblem):
    """More events in one request than there may be."""

    code = "TOO_MANY_EVENTS"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(
            f"There are {count} events; up to {limit} may come at once"
            " (SCHEDULER_EVENTS_MAX_BATCH)."
        )


@dataclass(frozen=True, slots=True)
class Posted:
    """The events of a request, checked; ``is_list`` when they came as a list."""

    events: tuple[EventFact, ...]
    is_list: bool


def decode(headers: Mapping[str, str], body: bytes, limits: EventLimits, max_batch: int) -> Posted:
    """The events of a request. Raises HttpProblem for what is not even read, and InvalidEvent."""
    media = _media_of(headers)
    if media.startswith("application/cloudevents"):
        if media == BATCH:
            return _listed(_json(body), structured_event, limits, max_batch)
        if media != STRUCTURED:
            raise UnsupportedMedia(f"The event format {media}", f"{STRUCTURED}, {BATCH}")
        return Posted((structured_event(_json(body), limits),), is_list=False)
    if is_binary_event(headers):
        return Posted((binary_event(headers, body, limits),), is_list=False)
    if media != NATIVE:
        shown = f"The media type {media[:80]!r}" if media else "A body without Content-Type"
        raise UnsupportedMedia(shown, f"{NATIVE}, {STRUCTURED}, {BATCH}, or headers ce-...")
    given = _json(body)
    if isinstance(given, list):
        return _listed(given, native_event, limits, max_batch)
    return Posted((native_event(given, limits),), is_list=False)


def _media_of(headers: Mapping[str, str]) -> str:
    """The media type, in small letters. Raises UnsupportedMedia for another charset or encoding."""
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMedia(f"The content encoding {encoding[:40]!r}", "none")
    header = Message()
    header["Content-Type"] = headers.get("Content-Type", "")
    charset = header.get_content_charset("utf-8")
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMedia(f"The charset {charset[:40]!r}", "utf-8")
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _json(body: bytes) -> Any:
    try:
        return load_json(body)
    except ValueError as error:
        raise MalformedBody(str(error)) from None


def _listed(
    given: Any,
    event_of: Callable[[Any, EventLimits], EventFact],
    limits: EventLimits,
    max_batch: int,
) -> Posted:
    if not isinstance(given, list):
        raise MalformedBody("a batch is a JSON list")
    if len(given) > max_batch:
        raise TooManyEvents(len(given), max_batch)
    found = []
    for index, each in enumerate(given):
        try:
            found.append(event_of(each, limits))
        except InvalidEvent as error:
            raise InvalidEvent(error.field, error.problem, error.allowed, index) from None
    return Posted(tuple(found), is_list=True)
