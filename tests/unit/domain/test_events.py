"""Events as they are taken in: what is kept, what is refused, with which sentence."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from scheduler.domain.events import EventLimits, InvalidEvent, event_document, native_event

LIMITS = EventLimits(max_bytes=1000, max_depth=3)
ID = UUID(int=7)


def taken(**fields):
    return native_event({"type": "order.created", **fields}, LIMITS)


def refusal(given) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        native_event(given, LIMITS)
    return caught.value


def test_only_the_type_is_needed():
    event = native_event({"type": "order.created"}, LIMITS)
    assert (event.source, event.subject, event.dedupe_key, event.payload) == ("", "", None, None)


def test_an_instant_is_kept_in_utc():
    event = taken(occurred_at="2026-11-25T09:00:00.5+09:00")
    assert event.occurred_at == datetime(2026, 11, 25, 0, 0, 0, 500_000, tzinfo=UTC)
    assert taken(occurred_at="2026-11-25t00:00:00z").occurred_at is not None


def test_the_document_is_what_jobs_are_given():
    event = taken(
        source="/shop",
        subject="42",
        dedupe_key="k",
        occurred_at="2026-11-25T09:00:00+09:00",
        payload={"name": "注文", "total": 1.5},
    )
    text = event_document(ID, event)
    assert "注文" in text
    assert json.loads(text) == {
        "id": str(ID),
        "type": "order.created",
        "source": "/shop",
        "subject": "42",
        "dedupe_key": "k",
        "occurred_at": "2026-11-25T00:00:00+00:00",
        "payload": {"name": "注文", "total": 1.5},
    }


@pytest.mark.parametrize("payload", [None, 0, False, "text", [1, [2]], {"a": {"b": {"c": 1}}}])
def test_any_json_value_may_be_the_payload(payload):
    assert taken(payload=payload).payload == payload


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ([], "event", "no object"),
        ("x", "event", "no object"),
        ({}, "type", "missing"),
        ({"type": None}, "type", "missing"),
        ({"type": ""}, "type", "empty"),
        ({"type": 5}, "type", "a number"),
        ({"type": True}, "type", "true or false"),
        ({"type": "x" * 201}, "type", "201 characters"),
        ({"type": "a\nb"}, "type", "control characters"),
        ({"type": "a\0b"}, "type", "control characters"),
        ({"type": "\ud800"}, "type", "broken Unicode"),
        ({"type": "t", "source": []}, "source", "a list"),
        ({"type": "t", "subject": {}}, "subject", "an object"),
        ({"type": "t", "dedupe_key": ""}, "dedupe_key", "empty"),
        ({"type": "t", "dedupe_key": "x" * 256}, "dedupe_key", "256 characters"),
        ({"type": "t", "payLoad": 1}, "payLoad", "no such field"),
        ({"type": "t", "occurred_at": "yesterday"}, "occurred_at", "no instant"),
        ({"type": "t", "occurred_at": 5}, "occurred_at", "no instant"),
        ({"type": "t", "occurred_at": "2026-11-25T09:00:00"}, "occurred_at", "no offset"),
        ({"type": "t", "occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at", "no instant"),
        ({"type": "t", "payload": {"a": "\0"}}, "payload", "NUL"),
        ({"type": "t", "payload": {"\ud800": 1}}, "payload", "broken Unicode"),
        ({"type": "t", "payload": [float("inf")]}, "payload", "too large"),
        ({"type": "t", "payload": [[[[1]]]]}, "payload", "deeper than 3"),
        ({"type": "t", "payload": "x" * 1000}, "payload", "bytes as JSON"),
        ({"type": "t", "payload": "注" * 400}, "payload", "bytes as JSON"),
        # PostgreSQL writes numbers in full: 3,000 digits here.
        ({"type": "t", "payload": [1e300] * 10}, "payload", "bytes as JSON"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(given, field, sentence):
    error = refusal(given)
    assert error.field == field
    assert sentence in str(error)
    assert str(error).endswith(".")


def test_nesting_of_any_depth_is_refused_and_not_stumbled_over():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert refusal({"type": "t", "payload": deep}).field == "payload"
