"""``POST /api/events/ingest/`` over HTTP: shapes, answers, limits, who may."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduler import requests
from scheduler.api.events import RateLimit, TooFast, rate_limit
from scheduler.domain.cloudevents import BATCH, STRUCTURED
from scheduler.models import Event, RunRequest
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.queries.in_force import forget_core_settings
from scheduler.requests.settings import change_settings
from scheduler.requests.tokens import create_token

pytestmark = pytest.mark.usefixtures("database")

URL = "/api/events/ingest/"
CLOUD = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "order.created"}


@pytest.fixture(autouse=True)
def no_redis(monkeypatch) -> None:
    monkeypatch.setenv("SCHEDULER_REDIS_URL", "unix:///nowhere/redis.sock")
    rate_limit._buckets.clear()


@pytest.fixture
def secret() -> str:
    return create_token("shop", ["events:write"], by="ann").secret


@pytest.fixture
def job() -> str:
    requests.save_definition("ship", by="ann", command_name="noop")
    requests.set_triggers("ship", [{"event_type": "order.*"}], by="ann")
    return "ship"


def post(secret: str, body: Any, content_type="application/json", **headers: str):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {"x-scheduler-token": secret, **headers}
    return Client().post(URL, data, content_type=content_type, headers=shown)


def set_limit(**values: str) -> None:
    changes = {f"SCHEDULER_{name.upper()}": value for name, value in values.items()}
    change_settings(changes, by="ann", models=[CoreSettings])
    forget_core_settings()


def problem(answer) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == "about:blank"
    assert told["detail"].endswith(".")
    return answer.status_code, told["code"]


class TestAnswers:
    def test_a_new_event_is_202_with_the_runs_that_follow(self, secret, job):
        answer = post(secret, {"type": "order.created", "dedupe_key": "k", "payload": {"id": 7}})
        request = RunRequest.objects.get()
        assert (answer.status_code, answer.json()) == (
            202,
            {
                "id": str(Event.objects.get().pk),
                "status": "accepted",
                "runs": [{"job": "ship", "run_id": str(request.pk)}],
            },
        )
        assert Event.objects.get().received_by == "token:shop"

    def test_the_same_again_is_200_with_the_first_answer(self, secret, job):
        event = {"type": "order.created", "dedupe_key": "k"}
        first, again = post(secret, event), post(secret, event)
        assert again.status_code == 200
        assert again.json() == {**first.json(), "status": "repeated"}
        assert Event.objects.count() == 1

    def test_a_list_has_one_answer_for_each(self, secret, job):
        events = [{"type": "order.created", "dedupe_key": key} for key in "aba"]
        answer = post(secret, events)
        assert answer.status_code == 202
        told = answer.json()["events"]
        assert [one["status"] for one in told] == ["accepted", "accepted", "repeated"]
        assert told[2]["id"] == told[0]["id"]
        assert post(secret, events).status_code == 200

    def test_an_empty_list_is_200_with_nothing(self, secret):
        answer = post(secret, [])
        assert (answer.status_code, answer.json()) == (200, {"events": []})

    def test_no_answer_is_kept_by_a_cache(self, secret):
        assert "no-store" in post(secret, {"type": "a"})["Cache-Control"]


class TestCloudEvents:
    def test_structured(self, secret, job):
        answer = post(secret, {**CLOUD, "data": {"id": 7}}, STRUCTURED)
        assert (answer.status_code, len(answer.json()["runs"])) == (202, 1)
        event = Event.objects.get()
        assert (event.source, event.dedupe_key, event.payload) == ("/shop", "A-1", {"id": 7})

    def test_binary(self, secret, job):
        headers = {f"ce-{name}": value for name, value in CLOUD.items()}
        answer = post(secret, {"id": 7}, "application/json", **headers, ce_subject="%E6%B3%A8")
        assert answer.status_code == 202
        event = Event.objects.get()
        assert (event.dedupe_key, event.subject, event.payload) == ("A-1", "注", {"id": 7})
        assert event.attributes == {"datacontenttype": "application/json"}

    def test_binary_of_any_content_type(self, secret, job):
        headers = {f"ce-{name}": value for name, value in CLOUD.items()}
        assert post(secret, b"\x00\xff", "image/png", **headers).status_code == 202
        assert Event.objects.get().payload == "AP8="

    def test_batch(self, secret, job):
        answer = post(secret, [CLOUD, {**CLOUD, "id": "A-2"}], f"{BATCH}; charset=UTF-8")
        assert [one["status"] for one in answer.json()["events"]] == ["accepted", "accepted"]
        assert post(secret, [], BATCH).status_code == 200

    def test_source_and_id_make_it_the_same(self, secret, job):
        first = post(secret, CLOUD, STRUCTURED)
        headers = {f"ce-{name}": value for name, value in CLOUD.items()}
        again = post(secret, b"", "text/plain", **headers)
        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
        assert post(secret, {**CLOUD, "source": "/other"}, STRUCTURED).status_code == 202


class TestWhatIsRefused:
    def refused(self, answer) -> tuple[int, str]:
        assert not Event.objects.exists()
        return problem(answer)

    @pytest.mark.parametrize(
        ("body", "content_type", "status", "code"),
        [
            (b" ", "application/json", 400, "MALFORMED_BODY"),
            (b"{", "application/json", 400, "MALFORMED_BODY"),
            (b"\xff", "application/json", 400, "MALFORMED_BODY"),
            (b"[" * 200_000, "application/json", 400, "MALFORMED_BODY"),
            (b'{"type": NaN}', "application/json", 400, "MALFORMED_BODY"),
            (b"{}", BATCH, 400, "MALFORMED_BODY"),
            (b"5", "application/json", 422, "INVALID_EVENT"),
            (b'{"type": "a", "payload": "\\u0000"}', "application/json", 422, "INVALID_EVENT"),
            (b'{"type": "a", "payload": "\\ud800"}', "application/json", 422, "INVALID_EVENT"),
            (b'{"type": "a", "payload": 1e999}', "application/json", 422, "INVALID_EVENT"),
            (b"[]", STRUCTURED, 422, "INVALID_EVENT"),
            (b"type=a", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
            (b"x", "application/cloudevents+avro", 415, "UNSUPPORTED_MEDIA_TYPE"),
            (b"x", "application/cloudevents-batch+xml", 415, "UNSUPPORTED_MEDIA_TYPE"),
            (b"{}", "application/json; charset=shift_jis", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ],
    )
    def test_has_its_status_and_code(self, secret, body, content_type, status, code):
        assert self.refused(post(secret, body, content_type)) == (status, code)

    def test_in_a_list_is_named_by_its_place_and_takes_the_others_with_it(self, secret):
        answer = post(secret, [{"type": "a"}, {"type": "b"}, {"typ": "c"}])
        assert self.refused(answer) == (422, "INVALID_EVENT")
        assert (answer.json()["index"], answer.json()["field"]) == (2, "typ")
        assert answer.json()["detail"].startswith("Event 2, field 'typ': ")

    def test_a_compressed_body_is_not_read(self, secret):
        answer = post(secret, b"x", content_encoding="gzip")
        assert self.refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")

    def test_headers_that_are_no_utf_8_are_named(self, secret):
        headers = {f"ce-{name}": value for name, value in CLOUD.items()}
        answer = post(secret, b"", "text/plain", **headers, ce_subject="%C0%A0")
        assert self.refused(answer) == (422, "INVALID_EVENT")
        assert answer.json()["field"] == "ce-subject"

    def test_other_methods_are_405_with_what_there_is(self):
        answer = Client().get(URL)
        assert (problem(answer), answer["Allow"]) == ((405, "METHOD_NOT_ALLOWED"), "POST")


class TestLimits:
    def test_of_one_event(self, secret):
        set_limit(events_max_bytes="1000")
        answer = post(secret, {"type": "a", "payload": "x" * 1000})
        assert problem(answer) == (422, "INVALID_EVENT")
        assert "up to 1000 bytes" in answer.json()["detail"]

    def test_of_depth(self, secret):
        set_limit(events_max_depth="2")
        assert post(secret, {"type": "a", "payload": [[1]]}).status_code == 202
        assert problem(post(secret, {"type": "a", "payload": [[[1]]]})) == (422, "INVALID_EVENT")

    def test_of_the_number_in_a_list(self, secret):
        set_limit(events_max_batch="2")
        answer = post(secret, [{"type": "a"}] * 3)
        assert problem(answer) == (413, "TOO_MANY_EVENTS")
        assert "3 events; up to 2" in answer.json()["detail"]

    def test_of_the_body(self, secret):
        set_limit(events_max_request_bytes="2000")
        answer = post(secret, [{"type": "a", "payload": "x" * 500}] * 4)
        assert problem(answer) == (413, "BODY_TOO_LARGE")

    def test_of_the_body_goes_beyond_that_of_forms(self, secret):
        events = [{"type": "a", "payload": "x" * 30_000}] * 100
        assert post(secret, events).status_code == 202

    def test_of_events_in_a_minute(self, secret):
        set_limit(events_per_minute="3")
        assert post(secret, [{"type": "a"}] * 2).status_code == 202
        answer = post(secret, [{"type": "a"}] * 2)
        assert problem(answer) == (429, "TOO_FAST")
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert Event.objects.count() == 2

    def test_of_events_in_a_minute_counts_for_each_caller(self):
        limit = RateLimit()
        limit.take("a", 5, 5, 0.0)
        limit.take("b", 5, 5, 0.0)
        with pytest.raises(TooFast, match="a may post 5 events a minute"):
            limit.take("a", 1, 5, 0.0)
        limit.take("a", 10_000, 0, 0.0)


class TestWhoMay:
    def test_a_token_without_the_scope_may_not(self):
        reader = create_token("reader", ["read"], by="ann").secret
        answer = post(reader, {"type": "a"})
        assert problem(answer) == (403, "PERMISSION_MISSING")
        assert "scope events:write" in answer.json()["detail"]

    def test_the_token_of_the_settings_may(self, monkeypatch):
        monkeypatch.setenv("SCHEDULER_EVENTS_API_TOKEN", "a long random text")
        assert post("a long random text", {"type": "a"}).status_code == 202
        assert Event.objects.get().received_by == "token:SCHEDULER_EVENTS_API_TOKEN"

    def test_a_wrong_token_is_401_and_the_body_is_not_looked_at(self):
        answer = post("sesame", b"{")
        assert problem(answer) == (401, "UNAUTHENTICATED")
        assert answer["WWW-Authenticate"].startswith("Bearer")

    def test_a_session_needs_the_permission_and_the_csrf_token(self):
        ann = User.objects.create_user("ann")
        client = Client(enforce_csrf_checks=True)
        client.force_login(ann)

        def send(**headers: str):
            return client.post(URL, {"type": "a"}, content_type="application/json", headers=headers)

        assert problem(send()) == (403, "CSRF_FAILED")
        client.cookies["csrftoken"] = "x" * 32
        assert problem(send(x_csrftoken="x" * 32)) == (403, "PERMISSION_MISSING")
        ann.user_permissions.add(Permission.objects.get(codename="add_event"))
        assert send(x_csrftoken="x" * 32).status_code == 202
        assert Event.objects.get().received_by == "user:ann"


def test_a_database_that_is_away_is_503_without_its_words(secret, monkeypatch):
    from django.db import OperationalError

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("password=hunter2")

    monkeypatch.setattr("scheduler.api.events.ingest", away)
    answer = post(secret, {"type": "a"})
    assert problem(answer) == (503, "DATABASE_UNAVAILABLE")
    assert answer["Retry-After"] == "1"
    assert b"hunter2" not in answer.content
