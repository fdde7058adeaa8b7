"""Ends are told where the beginnings were: no recovery without its failure, and the reverse."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr

from scheduler.plugin_api.values import Alert, AlertSeverity
from scheduler_notify import store
from scheduler_notify.alertmanager import messages_of, read_payload
from scheduler_notify.intake import alert_message, message_of
from scheduler_notify.models import NotifyDelivery, NotifyFailingJob, NotifyMessage
from tests.plugins.notify.builders import NOON, transition
from tests.plugins.notify.leading import Leader
from tests.plugins.notify.posted import ALERT, payload
from tests.plugins.notify.rows import job, run

TOKYO = {"timezone": "Asia/Tokyo", "outside": "drop"}
DAY = {"name": "day", "channels": "slack", "hours": {**TOKYO, "from": "09:00", "to": "18:00"}}
NIGHT = {"name": "night", "channels": "webhook", "hours": {**TOKYO, "from": "18:00", "to": "09:00"}}
HALF_A_DAY = 12 * 3600


@pytest.fixture
def leader(database, plugin_settings):
    def made(*routes):
        settings = plugin_settings(
            NOTIFY_SLACK_WEBHOOK_URL="http://127.0.0.1:9/x",
            NOTIFY_WEBHOOK_URL="http://127.0.0.1:9/y",
            NOTIFY_WEBHOOK_SECRET="s" * 24,
            NOTIFY_ROUTES=json.dumps(routes),
        )
        return Leader(settings)

    return made


def told():
    """Which end went to which channel, by which route."""
    rows = NotifyDelivery.objects.filter(message__resolved=True)
    return list(rows.values_list("channel", "route"))


def fails(one, definition_id, run_id=None):
    run_id = run_id or run(definition_id)
    found = message_of(transition(definition_id=definition_id, run_id=run_id, at=one.now))
    assert found is not None
    store.keep([found])
    one.route()


def works_again(one, definition_id, after):
    one.later(after)
    run(definition_id, "SUCCEEDED", finished_at=one.now)
    one.watcher.tick()
    assert NotifyMessage.objects.filter(kind="job_recovered").exists()


def posted(one, status, after=0):
    one.later(after)
    alert = {**ALERT, "status": status}
    store.keep(messages_of(read_payload(payload(alert)), one.now))
    one.route()


def alerted(one, alert_id, code, after=0):
    one.later(after)
    made = Alert(alert_id, code, AlertSeverity.ERROR, "nightly", "text", one.now)
    store.keep([alert_message(made)])
    one.route()


def test_a_channel_that_heard_of_a_failure_hears_of_the_recovery_at_any_hour(leader):
    one, key = leader(DAY, NIGHT), job()
    fails(one, key)
    works_again(one, key, HALF_A_DAY)
    assert told() == [("slack", "day")]


def test_a_channel_that_did_not_hear_of_a_failure_does_not_hear_of_the_recovery(leader):
    one, key = leader(DAY), job()
    one.later(HALF_A_DAY)
    fails(one, key)
    works_again(one, key, HALF_A_DAY)
    assert told() == []


def test_all_who_heard_of_one_of_the_failures_hear_of_the_recovery(leader):
    one, key = leader(DAY, NIGHT), job()
    fails(one, key)
    one.later(HALF_A_DAY)
    fails(one, key)
    works_again(one, key, 60)
    assert sorted(told()) == [("slack", "day"), ("webhook", "night")]


def test_a_route_that_wants_no_recoveries_tells_none(leader):
    one, key = leader({**DAY, "recoveries": False}), job()
    fails(one, key)
    works_again(one, key, 60)
    assert told() == []


def test_a_recovery_of_a_failure_of_which_nobody_knows_who_heard_goes_by_the_routes(leader):
    one, key = leader(DAY), job()
    fails(one, key)
    NotifyFailingJob.objects.update(heard=None)
    fails(one, key)
    works_again(one, key, 60)
    assert told() == [("slack", "day")]


def test_where_the_route_was_taken_out_or_the_channel_the_default_tells_or_nobody(leader):
    one, key = leader(DAY, {"name": "gone", "channels": "webhook"}), job()
    fails(one, key)
    changed = {"notify_routes": json.dumps([DAY]), "notify_slack_webhook_url": SecretStr("")}
    one.settings = one.settings.model_copy(update=changed)
    works_again(one, key, 60)
    assert told() == [("webhook", "default")]


@pytest.mark.parametrize(("begins_after", "expected"), [(0, [("slack", "day")]), (HALF_A_DAY, [])])
def test_the_end_of_an_alert_of_prometheus_goes_where_it_was_told(leader, begins_after, expected):
    one = leader(DAY)
    posted(one, "firing", begins_after)
    posted(one, "resolved", HALF_A_DAY)
    assert told() == expected


def test_the_end_of_an_alert_that_was_never_told_goes_by_the_routes(leader):
    posted(leader(DAY), "resolved")
    assert told() == [("slack", "day")]


@pytest.mark.parametrize(("begins_after", "expected"), [(0, [("slack", "day")]), (HALF_A_DAY, [])])
def test_the_release_of_a_job_is_told_where_its_quarantine_was(leader, begins_after, expected):
    one = leader(DAY)
    alerted(one, 1, "QUARANTINE_BEGUN", begins_after)
    alerted(one, 2, "QUARANTINE_RELEASED", HALF_A_DAY)
    assert told() == expected


def test_a_failure_while_a_recovery_is_told_is_not_forgotten(leader):
    """The watcher saw the success; before it tells, the router counts a failure."""
    one, key = leader(DAY), job()
    fails(one, key)
    (seen,) = store.failing_jobs(0, 10)
    later = run(key)
    one.later(60)
    fails(one, key, later)
    kept = NotifyMessage.objects.get(run_id=later)
    end = message_of(transition(definition_id=key, at=NOON + timedelta(hours=1)))
    assert end is not None
    assert not store.recover(seen, end, {}, one.now)
    assert NotifyFailingJob.objects.get().last_run_id == kept.run_id
