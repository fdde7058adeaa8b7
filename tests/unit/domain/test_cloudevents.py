"""CloudEvents 1.0, checked against the examples of its specification (JSON format 3.2 and 4.3, HTTP
binding 3.1)."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.domain.cloudevents import (
    binary_event,
    header_text,
    is_json,
    structured_event,
)
from scheduler.domain.events import EventLimits, InvalidEvent
from scheduler.domain.json_values import load_json

LIMITS = EventLimits()
BYTES = b"\x00\x01thrift\xff"
CONTEXT = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext",
    "time": "2018-04-05T17:31:00Z",
    "comexampleextension1": "value",
    "comexampleothervalue": 5,
}
THRIFT = "application/vnd.apache.thrift.binary"
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any], bytes, Any]] = {
    "binary data": (
        {"id": "A234-1234-1234", "datacontenttype": THRIFT},
        {"data_base64": base64.b64encode(BYTES).decode()},
        BYTES,
        base64.b64encode(BYTES).decode(),
    ),
    "XML as text": (
        {"id": "B234-1234-1234", "unsetextension": None, "datacontenttype": "application/xml"},
        {"data": '<much wow="xml"/>'},
        b'<much wow="xml"/>',
        '<much wow="xml"/>',
    ),
    "a JSON object": (
        {"id": "C234-1234-1234", "subject": None, "datacontenttype": "application/json"},
        {"data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True}},
        b'{"appinfoA" : "abc", "appinfoB" : 123, "appinfoC" : true}',
        {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
    ),
    "a JSON text without a content type": (
        {"id": "D234-1234-1234", "subject": None},
        {"data": "I'm just a string"},
        b'"I\'m just a string"',
        "I'm just a string",
    ),
}


def structured(**changes):
    given = {**CONTEXT, "id": "1", **changes}
    return structured_event(given, LIMITS)


def refusal(**changes) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        structured(**changes)
    return caught.value


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_json_format_are_understood(name):
    own, data, _body, payload = EXAMPLES[name]
    event = structured_event({**CONTEXT, **own, **data}, LIMITS)
    assert (event.type, event.source) == ("com.example.someevent", "/mycontext")
    assert (event.dedupe_key, event.subject) == (own["id"], "")
    assert event.occurred_at == datetime(2018, 4, 5, 17, 31, tzinfo=UTC)
    assert event.payload == payload
    assert event.attributes["comexampleextension1"] == "value"
    assert event.attributes["comexampleothervalue"] == 5
    assert "unsetextension" not in event.attributes


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_examples_in_http_binary_mode_say_the_same(name):
    own, data, body, _payload = EXAMPLES[name]
    attributes = {"datacontenttype": "application/json", **CONTEXT, **own}
    headers = {
        ("content-type" if key == "datacontenttype" else f"Ce-{key}"): str(value)
        for key, value in attributes.items()
        if value is not None
    }
    event = binary_event(headers, body, LIMITS)
    same = structured_event({**attributes, "comexampleothervalue": "5", **data}, LIMITS)
    assert event == same


def test_the_example_of_the_http_binding_is_understood():
    headers = {
        "ce-specversion": "1.0",
        "ce-type": "com.example.someevent",
        "ce-time": "2018-04-05T03:56:24Z",
        "ce-id": "1234-1234-1234",
        "ce-source": "/mycontext/subcontext",
        "Content-Type": "application/json; charset=utf-8",
    }
    event = binary_event(headers, b'{"a": 1}', LIMITS)
    assert (event.dedupe_key, event.source) == ("1234-1234-1234", "/mycontext/subcontext")
    assert event.payload == {"a": 1}
    assert event.attributes == {"datacontenttype": "application/json; charset=utf-8"}


def test_binary_data_is_marked_as_base64():
    own, data, body, _ = EXAMPLES["binary data"]
    event = structured_event({**CONTEXT, **own, **data}, LIMITS)
    assert event.attributes["payload_encoding"] == "base64"
    assert base64.b64decode(event.payload) == body


def test_a_body_that_is_absent_is_no_payload():
    headers = {f"ce-{name}": str(value) for name, value in {**CONTEXT, "id": "1"}.items()}
    assert binary_event(headers, b"", LIMITS).payload is None


def test_text_that_is_no_utf_8_is_kept_as_base64():
    headers = {f"ce-{name}": str(value) for name, value in {**CONTEXT, "id": "1"}.items()}
    event = binary_event({**headers, "content-type": "text/plain"}, b"\xff\xfe", LIMITS)
    assert event.attributes["payload_encoding"] == "base64"


class TestHeaderValues:
    def test_the_example_of_the_specification_is_decoded(self):
        encoded = "Euro%20%E2%82%AC%20%F0%9F%98%80"
        assert header_text("ce-subject", encoded) == "Euro € 😀"

    @pytest.mark.parametrize(
        ("value", "meant"),
        [
            ("plain", "plain"),
            ("%41", "A"),
            ("%e2%82%ac", "€"),
            ("100%", "100%"),
            ('"quoted text"', "quoted text"),
            (r'"a \"b\" \\ c"', r'a "b" \ c'),
            ('"Euro%20%E2%82%AC"', "Euro €"),
            ("%2541", "%41"),
            ('"', '"'),
        ],
    )
    def test_quotes_are_taken_off_first_then_one_round_of_percent_decoding(self, value, meant):
        assert header_text("ce-subject", value) == meant

    @pytest.mark.parametrize("value", ["%C0%A0", "%ff", "%E2%82"])
    def test_what_is_no_utf_8_is_refused(self, value):
        with pytest.raises(InvalidEvent, match="no UTF-8"):
            header_text("ce-subject", value)

    def test_what_is_no_ascii_is_refused(self):
        with pytest.raises(InvalidEvent, match="not ASCII"):
            header_text("ce-subject", "Euro €")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id"),
        ({"id": ""}, "id"),
        ({"source": None}, "source"),
        ({"source": ""}, "source"),
        ({"type": None}, "type"),
        ({"type": 5}, "type"),
        ({"specversion": None}, "specversion"),
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": 1.0}, "specversion"),
        ({"subject": ""}, "subject"),
        ({"subject": 5}, "subject"),
        ({"time": "noon"}, "time"),
        ({"time": ""}, "time"),
        ({"datacontenttype": ""}, "datacontenttype"),
        ({"dataschema": ""}, "dataschema"),
        ({"dataschema": 5}, "dataschema"),
        ({"Upper": "x"}, "Upper"),
        ({"with_underscore": "x"}, "with_underscore"),
        ({"extension": {"a": 1}}, "extension"),
        ({"extension": 1.5}, "extension"),
        ({"extension": 2**31}, "extension"),
        ({"data": 1, "data_base64": "AA=="}, "data_base64"),
        ({"data_base64": "no base64!"}, "data_base64"),
        ({"data_base64": 5}, "data_base64"),
        ({"data": {"a": 1}, "datacontenttype": "text/plain"}, "data"),
        ({"data": "\0"}, "data"),
        ({"id": "x" * 256}, "id"),
        ({"data": "x" * 70_000}, "data"),
        ({"extension": "\0"}, "attributes"),
    ],
)
def test_what_the_specification_forbids_is_refused_by_its_own_name(changes, field):
    assert refusal(**changes).field == field


@pytest.mark.parametrize("value", [True, False, -5, 2**31 - 1, "x", ""])
def test_an_extension_may_be_text_truth_or_a_whole_number(value):
    assert structured(extension=value).attributes["extension"] == value


def test_a_content_type_header_of_the_event_itself_is_refused():
    headers = {f"ce-{name}": str(value) for name, value in {**CONTEXT, "id": "1"}.items()}
    with pytest.raises(InvalidEvent, match="Content-Type"):
        binary_event({**headers, "ce-datacontenttype": "text/plain"}, b"x", LIMITS)


def test_a_body_that_is_not_the_json_it_says_is_refused():
    headers = {f"ce-{name}": str(value) for name, value in {**CONTEXT, "id": "1"}.items()}
    with pytest.raises(InvalidEvent, match="no JSON"):
        binary_event({**headers, "content-type": "application/json"}, b"I'm bare", LIMITS)


@pytest.mark.parametrize("given", [None, [], "x", 5])
def test_what_is_no_object_is_no_event(given):
    with pytest.raises(InvalidEvent, match="no object"):
        structured_event(given, LIMITS)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, True),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("image/svg+json", True),
        ("text/json", True),
        ("application/xml", False),
        ("application/jsonx", False),
        ("json", False),
    ],
)
def test_json_is_declared_by_the_subtype(content_type, expected):
    assert is_json(content_type) is expected


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"NaN", b"[Infinity]", b"[" * 100_000, b"1" * 5000, b"{} {}"]
)
def test_json_is_read_strictly(body):
    with pytest.raises(ValueError, match=r"."):
        load_json(body)
