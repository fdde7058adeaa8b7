"""From what happened to notices: facts, hours, groups and limits, with the tables."""

import json

import pytest

from scheduler.models import JobRun
from scheduler_notify import store
from scheduler_notify.intake import message_of
from scheduler_notify.messages import Kind
from scheduler_notify.models import NotifyDelivery, NotifyMessage, NotifyNotice
from tests.plugins.notify.builders import NOON, message, transition
from tests.plugins.notify.leading import Leader
from tests.plugins.notify.rows import job, run

SLACK = "http://127.0.0.1:9/x"


@pytest.fixture
def leader(database, plugin_settings):
    def made(routes=(), **values):
        given = {"NOTIFY_ROUTES": json.dumps(routes)} if routes else {}
        return Leader(plugin_settings(NOTIFY_SLACK_WEBHOOK_URL=SLACK, **given, **values))

    return made


def failed(run_id, definition_id, name="nightly"):
    found = message_of(transition(run_id=run_id, definition_id=definition_id, job_name=name))
    assert found is not None
    store.keep([found])


def test_a_failure_is_told_with_what_the_run_says(leader):
    key = job()
    failed(run(key, exit_code=7, reason="EXIT_CODE", explanation="boom"), key)
    leader().route()
    kept = NotifyMessage.objects.get()
    assert (kept.facts["exit_code"], kept.facts["explanation"]) == (7, "boom")
    assert kept.facts["timezone"] == "Asia/Tokyo"
    assert NotifyDelivery.objects.get().channel == "slack"


def test_a_failure_with_a_retry_to_come_is_not_sent_by_default(leader):
    key = job()
    failed(run(key, retry_due_at=NOON), key)
    leader().route()
    assert NotifyMessage.objects.get().severity == "info"
    assert NotifyDelivery.objects.count() == 0
    assert store.failing_jobs(0, 10) == []


def test_a_failure_whose_retry_was_made_already_is_known_by_the_retry(leader):
    key = job()
    first = run(key, slot_key="t:1")
    run(key, "PENDING", slot_key="t:1", attempt=2)
    failed(first, key)
    leader().route()
    assert NotifyMessage.objects.get().severity == "info"


def test_a_run_that_is_gone_is_told_all_the_same(leader):
    key = job()
    gone = run(key)
    JobRun.objects.all().delete()
    failed(gone, key)
    leader().route()
    assert NotifyDelivery.objects.count() == 1


def test_five_failures_of_a_job_are_one_notice(leader):
    one = leader()
    store.keep([message() for _ in range(5)])
    one.route()
    one.route(after=14)
    assert NotifyNotice.objects.count() == 0
    one.route(after=2)
    notice = NotifyNotice.objects.get()
    assert (notice.form, notice.deliveries.count()) == ("group", 5)


def test_beyond_the_limit_the_rest_becomes_one_summary(leader):
    one = leader([{"group_seconds": 0, "limit": {"notices": 2, "seconds": 60}}])
    store.keep([message(subject=f"job-{n}", job=f"job-{n}") for n in range(7)])
    one.route()
    one.route(after=59)
    assert NotifyNotice.objects.count() == 2
    one.route(after=2)
    summary = NotifyNotice.objects.get(form="summary")
    assert summary.deliveries.count() == 5


def test_outside_the_hours_notices_wait_for_their_beginning(leader):
    hours = {"from": "13:00", "to": "18:00", "timezone": "Asia/Tokyo"}
    one = leader([{"hours": hours, "group_seconds": 0}])
    store.keep([message()])
    one.route()
    one.route(after=3599)
    assert NotifyNotice.objects.count() == 0
    one.route(after=2)
    assert NotifyNotice.objects.count() == 1


def test_a_route_that_drops_outside_its_hours_leaves_it_to_the_next(leader):
    hours = {"from": "13:00", "to": "18:00", "timezone": "Asia/Tokyo", "outside": "drop"}
    leader([{"name": "day", "hours": hours}, {"name": "night"}]).route()
    store.keep([message()])
    leader([{"name": "day", "hours": hours}, {"name": "night"}]).route()
    assert NotifyDelivery.objects.get().route == "night"


def test_a_holiday_of_the_calendar_closes_the_day(leader):
    # 2026-03-20 is the vernal equinox, a Friday.
    hours = {"calendar": "jp", "from": "09:00", "to": "18:00", "timezone": "Asia/Tokyo"}
    one = leader([{"hours": hours, "group_seconds": 0}])
    one.now = NOON.replace(day=20)
    store.keep([message()])
    one.route()
    one.route()
    assert NotifyNotice.objects.count() == 0
    one.now = NOON.replace(day=23)
    one.route()
    assert NotifyNotice.objects.count() == 1


def test_a_calendar_that_is_not_there_silences_nobody(leader):
    hours = {"calendar": "gone", "from": "09:00", "to": "18:00", "timezone": "Asia/Tokyo"}
    one = leader([{"hours": hours, "group_seconds": 0}])
    store.keep([message()])
    one.route()
    one.route()
    assert NotifyNotice.objects.count() == 1


def test_what_waits_by_a_route_that_was_taken_away_is_sent_all_the_same(leader):
    one = leader([{"name": "old"}])
    store.keep([message()])
    one.route()
    again = leader([{"name": "new"}])
    again.route(after=16)
    assert NotifyNotice.objects.get().route == "old"


def test_routers_of_two_leaders_tell_a_message_once(leader):
    first, second = leader(), leader()
    store.keep([message(), message(kind=Kind.ALERT)])
    for one in (first, second, first, second):
        one.route(after=20)
    assert NotifyNotice.objects.count() == 2
    assert NotifyDelivery.objects.count() == 2


def test_a_backlog_is_routed_without_a_pause(leader):
    one = leader()
    store.keep([message(job="x") for _ in range(201)])
    assert one.router.tick() == 0
    assert NotifyMessage.objects.filter(routed_at=None).count() == 1


def test_the_pending_ones_are_seen_for_the_metrics(leader):
    one = leader()
    store.keep([message()])
    one.route()
    samples = {
        (metric.name, sample.labels["channel"]): sample.value
        for metric in one.figures.metrics()
        for sample in metric.samples
    }
    assert samples["scheduler_notify_pending", "slack"] == 1
