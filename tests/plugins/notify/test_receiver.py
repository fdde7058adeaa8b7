"""The receiver of Alertmanager's webhook: who may post, what is taken, what is answered."""

import json
from http import HTTPStatus

import pytest
from django.test import Client, override_settings

from scheduler_notify.models import NotifyMessage
from scheduler_notify.receiver import BODY_AT_MOST
from tests.plugins.notify.posted import ALERT, payload

TOKEN = "am-t0ken-of-the-tests"
PATH = "/api/alertmanager/webhook/"

on_both_databases = pytest.mark.usefixtures("database")
refusing = pytest.mark.usefixtures("django_sqlite")
"""What is refused before anything is written down needs no second database."""


@pytest.fixture
def client(enabled):
    enabled.setenv("SCHEDULER_ALERT_WEBHOOK_TOKEN", TOKEN)
    with override_settings(ROOT_URLCONF="tests.plugins.notify.urls"):
        yield Client(enforce_csrf_checks=True)


def post(client, body=None, token=TOKEN, **headers):
    given = {"Authorization": f"Bearer {token}"} if token else {}
    body = payload(ALERT) if body is None else body
    kind = headers.pop("content_type", "application/json")
    return client.post(PATH, body, content_type=kind, headers={**given, **headers})


def problem(response, status, code):
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    found = json.loads(response.content)
    assert list(found) == ["type", "title", "status", "code", "detail"]
    assert (found["type"], found["status"], found["code"]) == ("about:blank", status, code)
    assert response["Cache-Control"] == "no-store"
    assert found["title"] == HTTPStatus(status).phrase
    assert TOKEN not in response.content.decode()
    assert NotifyMessage.objects.count() == 0
    return found["detail"]


@refusing
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", "Ünïcödé"])
def test_without_the_token_nothing_is_taken(client, token):
    response = post(client, token="", **{"X-Scheduler-Token": token} if token else {})
    problem(response, 401, "UNAUTHENTICATED")
    assert response["WWW-Authenticate"] == "Bearer"


@refusing
def test_while_no_token_is_set_nothing_is_taken(client, enabled):
    enabled.setenv("SCHEDULER_ALERT_WEBHOOK_TOKEN", "")
    response = post(client, token="")
    problem(response, 503, "NOT_SET_UP")
    assert response["Retry-After"] == "5"


@refusing
@pytest.mark.parametrize("method", ["get", "put", "delete", "head", "options"])
def test_only_post_is_possible(client, method):
    response = getattr(client, method)(PATH)
    assert response.status_code == 405
    assert response["Allow"] == "POST"


@refusing
@pytest.mark.parametrize("body", [b" ", b"{", b"[]", b"\xff", b'{"alerts": []}', b'"\\ud800"'])
def test_what_is_no_notification_is_a_problem(client, body):
    problem(post(client, body), 422, "INVALID_ALERTMANAGER_PAYLOAD")


@refusing
def test_other_media_are_a_problem(client):
    problem(post(client, content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
    problem(post(client, **{"Content-Encoding": "gzip"}), 415, "UNSUPPORTED_MEDIA_TYPE")


@refusing
def test_a_body_that_is_too_long_is_not_read(client):
    problem(post(client, b" " * (BODY_AT_MOST + 1)), 413, "BODY_TOO_LARGE")


@on_both_databases
def test_a_database_that_does_not_answer_makes_alertmanager_try_again(client, enabled):
    from django.db import OperationalError

    def broken(messages):
        raise OperationalError("at postgres://user:hunter2@db")

    enabled.setattr("scheduler_notify.receiver.keep", broken)
    response = post(client)
    assert "hunter2" not in problem(response, 503, "NOT_WRITTEN_DOWN")
    assert response["Retry-After"] == "5"


@on_both_databases
@pytest.mark.parametrize("header", ["Authorization", "X-Scheduler-Token"])
def test_with_the_token_alerts_are_written_down_once(client, header):
    value = f"Bearer {TOKEN}" if header == "Authorization" else TOKEN
    for _ in range(2):
        response = post(client, token="", **{header: value})
        assert response.status_code == 200
        assert json.loads(response.content) == {"alerts": 1}
        assert response["Cache-Control"] == "no-store"
    kept = NotifyMessage.objects.get()
    assert (kept.subject, kept.severity, kept.resolved) == (
        "SchedulerLeaderMissing",
        "error",
        False,
    )


@on_both_databases
def test_a_token_may_be_of_any_letters(client, enabled):
    enabled.setenv("SCHEDULER_ALERT_WEBHOOK_TOKEN", "合言葉は山と川と空と海")
    as_it_arrives = "合言葉は山と川と空と海".encode().decode("latin-1")
    assert post(client, token=as_it_arrives).status_code == 200
    assert post(client, token="wrong").status_code == 401


@on_both_databases
def test_nothing_that_json_may_hold_makes_the_database_refuse_it(client):
    odd = {
        **ALERT,
        "labels": {"alertname": "a\0b", "job_name": "c\0d", "e\0": "f\0"},
        "annotations": {"summary": "\0"},
        "generatorURL": "http://prometheus.example/\0",
        "fingerprint": "\0" * 3,
    }
    body = payload(odd, truncatedAlerts=1, groupLabels={"alertname": "\0"}, externalURL="http://\0")
    assert post(client, body).status_code == 200
    assert NotifyMessage.objects.count() == 2


@on_both_databases
def test_what_was_left_out_of_the_same_alerts_another_time_is_told_again(client):
    later = {**ALERT, "startsAt": "2026-03-09T12:00:00Z"}
    for alert in (ALERT, ALERT, later):
        assert post(client, payload(alert, truncatedAlerts=3)).status_code == 200
    left_out = NotifyMessage.objects.filter(dedupe_key__startswith="alertmanager-left-out")
    assert left_out.count() == 2


@on_both_databases
def test_a_firing_and_a_resolved_alert_and_what_was_left_out_are_three_messages(client):
    over = {**ALERT, "status": "resolved", "endsAt": "2026-03-02T04:00:00Z"}
    assert post(client, payload(ALERT, over, truncatedAlerts=3)).status_code == 200
    assert NotifyMessage.objects.count() == 3


@on_both_databases
def test_alerts_of_a_thousand_come_in_one_post(client):
    many = [{**ALERT, "fingerprint": f"{n:016x}"} for n in range(1000)]
    assert post(client, payload(*many)).status_code == 200
    assert NotifyMessage.objects.count() == 1000
