"""CloudEvents 1.0 (JSON format and HTTP binding) to events of this platform.

``source`` and ``id`` together are the dedupe key, as the specification says that they identify an
event; ``time`` is ``occurred_at``, ``data`` the payload. What has no field of its own
(``datacontenttype``, ``dataschema``, extensions) is kept in ``attributes``. Binary data, which JSON
cannot hold, becomes base64 text with ``attributes.payload_encoding`` = ``"base64"`` (a name that no
attribute of an event can have).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from scheduler.domain.events import EventFact, EventLimits, InvalidEvent, checked, instant
from scheduler.domain.json_values import load_json

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "ce-"
REQUIRED = ("specversion", "id", "source", "type")
FIELDS = frozenset({"specversion", "id", "source", "type", "subject", "time"})
"""Attributes that have a field of an event; all others go to its ``attributes``."""

ENCODING = "payload_encoding"
_NAME = re.compile(r"[a-z0-9]+\Z")
_INTEGER_LIMIT = 2**31


def structured_event(given: Any, limits: EventLimits) -> EventFact:
    """A CloudEvent in the JSON format (also an element of a batch). Raises InvalidEvent."""
    if not isinstance(given, dict):
        raise InvalidEvent("event", "it is no object", "a JSON object of CloudEvents 1.0")
    members = {name: value for name, value in given.items() if name not in ("data", "data_base64")}
    # null stands for an attribute that is not set.
    attributes = {name: value for name, value in members.items() if value is not None}
    payload, encoding = _data_of(given, attributes.get("datacontenttype"))
    return _event(attributes, payload, encoding, limits)


def binary_event(headers: Mapping[str, str], body: bytes, limits: EventLimits) -> EventFact:
    """A CloudEvent whose attributes are HTTP headers and whose data is the body.

    ``headers`` are those of the request, in any case. Raises InvalidEvent."""
    given = {name.lower(): value for name, value in headers.items()}
    attributes: dict[str, Any] = {
        name.removeprefix(PREFIX): header_text(name, value)
        for name, value in given.items()
        if name.startswith(PREFIX)
    }
    if "datacontenttype" in attributes:
        raise InvalidEvent("ce-datacontenttype", "it is given", "Content-Type in its place")
    content_type = given.get("content-type", "").strip()
    if content_type:
        attributes["datacontenttype"] = content_type
    payload, encoding = _data_in(body, content_type)
    return _event(attributes, payload, encoding, limits)


def is_binary_event(headers: Mapping[str, str]) -> bool:
    """Whether a request that has no media type of CloudEvents is one all the same."""
    return any(name.lower() == f"{PREFIX}specversion" for name in headers)


def header_text(name: str, value: str) -> str:
    """A header's value decoded: double quotes first, then one round of percent-decoding.

    Raises InvalidEvent for what is no UTF-8 (``%C0%A0``)."""
    if not value.isascii():
        raise InvalidEvent(name, "it is not ASCII", "percent-encoded UTF-8")
    try:
        return unquote_to_bytes(_unquoted(value.strip())).decode("utf-8")
    except UnicodeDecodeError:
        allowed = "percent-encoded UTF-8"
        raise InvalidEvent(name, "its percent-encoding is no UTF-8", allowed) from None


def is_json(content_type: str | None) -> bool:
    """Whether a media type declares JSON: ``*/json`` or ``*/*+json``; absent counts as JSON."""
    if not content_type:
        return True
    subtype = content_type.partition(";")[0].strip().lower().partition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def _event(
    attributes: Mapping[str, Any], payload: Any, encoding: str, limits: EventLimits
) -> EventFact:
    _check_attributes(attributes)
    more = {name: value for name, value in attributes.items() if name not in FIELDS}
    fact = EventFact(
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes.get("subject", ""),
        dedupe_key=attributes["id"],
        occurred_at=instant("time", attributes.get("time")),
        payload=payload,
        attributes={**more, ENCODING: encoding} if encoding else more,
    )
    try:
        return checked(fact, limits)
    except InvalidEvent as error:
        # The sender knows it by its own name.
        own = {"dedupe_key": "id", "payload": "data"}.get(error.field, error.field)
        raise InvalidEvent(own, error.problem, error.allowed) from None


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    for name in REQUIRED:
        if name not in attributes:
            raise InvalidEvent(name, "it is missing", "a text that is not empty")
    if attributes["specversion"] != "1.0":
        raise InvalidEvent("specversion", f"it is {attributes['specversion']!r}"[:80], "'1.0'")
    for name, value in attributes.items():
        if not _NAME.match(name):
            raise InvalidEvent(name[:60], "it has a bad name", "names of a-z and 0-9")
        _check_value(name, value)


def _check_value(name: str, value: Any) -> None:
    standard = name in FIELDS or name in ("datacontenttype", "dataschema")
    if isinstance(value, str):
        if standard and not value:
            raise InvalidEvent(name, "it is empty", "a text that is not empty")
        return
    if not standard and isinstance(value, bool):
        return
    whole = isinstance(value, int) and -_INTEGER_LIMIT <= value < _INTEGER_LIMIT
    if standard or not whole:
        allowed = "a text" if standard else "a text, true, false or a whole number of 32 bits"
        raise InvalidEvent(name, "it has a value of another kind", allowed)


def _data_of(given: Mapping[str, Any], content_type: Any) -> tuple[Any, str]:
    """(payload, its encoding) of the members ``data`` and ``data_base64``."""
    if "data_base64" not in given or given["data_base64"] is None:
        data = given.get("data")
        declared = content_type if isinstance(content_type, str) else None
        if data is not None and not isinstance(data, str) and not is_json(declared):
            raise InvalidEvent("data", f"it is no text, but {declared} is no JSON", "a text")
        return data, ""
    if given.get("data") is not None:
        raise InvalidEvent("data_base64", "data is given too", "one of the two")
    text = given["data_base64"]
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode(), "base64"
    except (binascii.Error, TypeError, ValueError):
        raise InvalidEvent("data_base64", "it is no base64", "base64 as of RFC 4648") from None


def _data_in(body: bytes, content_type: str) -> tuple[Any, str]:
    """(payload, its encoding) of a body: JSON as what it says, text as text, else base64."""
    if not body:
        return None, ""
    if content_type and is_json(content_type):
        return _json_in(body), ""
    main = content_type.partition(";")[0].strip().lower()
    if main.startswith("text/") or main.endswith(("/xml", "+xml")):
        try:
            return body.decode("utf-8"), ""
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), "base64"


def _json_in(body: bytes) -> Any:
    try:
        return load_json(body)
    except ValueError as error:
        raise InvalidEvent(
            "data", f"the body is no JSON ({error})", "what Content-Type says"
        ) from None


def _unquoted(value: str) -> str:
    """The inside of double quotes, backslash escapes resolved; anything else as it is."""
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])
