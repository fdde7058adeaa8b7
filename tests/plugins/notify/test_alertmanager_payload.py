"""What Alertmanager posts becomes messages, each alert once."""

import json
from typing import Any

import pytest

from scheduler_notify.alertmanager import messages_of, read_payload
from scheduler_notify.messages import Severity
from scheduler_notify.refusals import InvalidPayload
from tests.plugins.notify.builders import NOON
from tests.plugins.notify.posted import ALERT, payload


def messages(*alerts: dict[str, Any], **changes: Any):
    return messages_of(read_payload(payload(*alerts, **changes)), NOON)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body: Invalid JSON"),
        (b"[]", "the body"),
        (b"\xff\xfe", "the body"),
        (b"{}", "status: Field required"),
        (payload({**ALERT, "startsAt": "yesterday"}), "alerts.0.startsAt"),
        (payload({**ALERT, "startsAt": "0001-01-01T00:00:00+09:00"}), "alerts.0.startsAt"),
        (payload({**ALERT, "status": "odd"}), "alerts.0.status"),
        (payload({**ALERT, "labels": {"a": 1}}), "alerts.0.labels.a"),
        (payload(truncatedAlerts=-1), "truncatedAlerts"),
        (payload(*[ALERT] * 1001), "alerts"),
    ],
)
def test_what_is_no_notification_is_told_with_its_place(body, words):
    with pytest.raises(InvalidPayload) as caught:
        read_payload(body)
    assert words in str(caught.value)


def test_an_alert_fires_and_is_resolved_as_two_messages():
    (firing,) = messages(ALERT)
    (resolved,) = messages({**ALERT, "status": "resolved", "endsAt": "2026-03-02T03:05:00Z"})
    assert (firing.subject, firing.severity, firing.resolved) == (
        "SchedulerLeaderMissing",
        Severity.ERROR,
        False,
    )
    assert (resolved.severity, resolved.resolved) == (Severity.ERROR, True)
    assert resolved.facts["lasted_seconds"] == 299
    assert firing.dedupe_key != resolved.dedupe_key


def test_a_notification_that_is_repeated_has_the_same_messages():
    assert [one.dedupe_key for one in messages(ALERT)] == [
        one.dedupe_key for one in messages(ALERT)
    ]


def test_an_alert_that_fires_anew_is_a_new_message():
    (first,), (anew,) = messages(ALERT), messages({**ALERT, "startsAt": "2026-03-03T00:00:00Z"})
    assert first.dedupe_key != anew.dedupe_key


def test_an_old_alertmanager_without_fingerprints_is_known_by_labels():
    bare = {name: value for name, value in ALERT.items() if name != "fingerprint"}
    (one,), (other,) = messages(bare), messages({**bare, "labels": {"alertname": "Other"}})
    assert one.dedupe_key != other.dedupe_key


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("critical", "error"),
        ("Page", "error"),
        ("warning", "warning"),
        ("info", "info"),
        ("odd", "warning"),
    ],
)
def test_the_label_says_how_bad_it_is(label, severity):
    (one,) = messages({**ALERT, "labels": {"alertname": "A", "severity": label}})
    assert one.severity == severity


def test_the_job_is_that_of_our_label_and_not_that_of_the_scraping():
    (scraped,) = messages(ALERT)
    (ours,) = messages({**ALERT, "labels": {"alertname": "A", "job_name": "nightly"}})
    assert (scraped.job, ours.job) == ("", "nightly")


def test_alerts_that_alertmanager_left_out_are_told_of():
    found = messages(ALERT, truncatedAlerts=12)
    assert len(found) == 2
    assert found[1].facts["left_out"] == 12
    assert found[1].severity is Severity.ERROR


def test_long_and_odd_texts_are_cut_to_what_the_tables_take():
    labels = {"alertname": "x" * 5000, "a\x00": "b\x00c"} | {f"l{n}": "v" for n in range(90)}
    (one,) = messages({**ALERT, "labels": labels})
    assert len(one.subject) <= 255
    assert len(one.facts["labels"]) == 30
    assert "\\u0000" not in json.dumps(one.facts)


def test_only_web_addresses_become_links():
    (one,) = messages({**ALERT, "generatorURL": "javascript:alert(1)"}, externalURL="file:///x")
    assert one.facts["source"] == ""
