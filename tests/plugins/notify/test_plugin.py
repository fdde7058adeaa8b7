"""The plugin at its host: hooks, services, metrics, health."""

from datetime import timedelta

import pytest

from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.values import Alert, AlertCode, AlertSeverity, HealthStatus, RunState
from scheduler.queries.clock import cluster_now
from scheduler_notify import store
from scheduler_notify.figures import Figures
from scheduler_notify.health import backlog_health, delivery_health
from scheduler_notify.models import NotifyMessage, NotifyNotice
from scheduler_notify.plugin import NotifyPlugin
from tests.plugins.http_server import Answer
from tests.plugins.notify.builders import HOOK, NOON, message, transition
from tests.plugins.notify.leading import Leader

ALERT = Alert(3, AlertCode.CLUSTER_PAUSED, AlertSeverity.WARNING, None, "It is paused.", NOON)


@pytest.fixture
def host():
    host = PluginHost.load(["notify"], {"notify": lambda: NotifyPlugin})
    host.configure(rows={}, environ={})
    return host


def test_the_hosts_checks_find_nothing_wrong(host):
    assert host.django_apps() == ("scheduler_notify",)
    assert [mount.prefix for _, mount in host.url_mounts()] == ["api/alertmanager/"]
    assert host.failures == ()


def test_what_is_told_again_is_written_down_once(host, database):
    told = [transition(), transition(RunState.SKIPPED, reason="CALENDAR")]
    for _ in range(2):
        assert host.deliver("notify", told)
        assert host.deliver_alerts("notify", [ALERT])
    assert sorted(NotifyMessage.objects.values_list("kind", flat=True)) == ["alert", "run_failed"]
    assert host.failures == ()


def test_without_tables_the_host_is_told_to_tell_again(host, django_sqlite):
    NotifyMessage.objects.all().delete()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE scheduler_notify_message")
    assert not host.deliver("notify", [transition()])
    assert not host.deliver_alerts("notify", [ALERT])


def test_the_leader_gets_a_router_a_watcher_and_a_sender_for_each_channel(host):
    services = host.leader_services(None)
    assert [one.service.name for one in services] == [
        "notify-router",
        "notify-watcher",
        "notify-slack",
        "notify-teams",
        "notify-mail",
        "notify-webhook",
    ]


def test_services_run_at_the_host(host, database):
    for one in host.leader_services(None):
        assert host.tick(one) is not None
    assert host.failures == ()


def test_counters_begin_at_zero_and_never_fall():
    figures = Figures()

    def values():
        return {
            (m.name, s.labels["channel"]): s.value for m in figures.metrics() for s in m.samples
        }

    assert values()["scheduler_notify_sent_total", "mail"] == 0
    figures.sent("mail")
    figures.failed("mail")
    figures.seen({("mail", "open"): 2, ("mail", "waiting"): 3, ("mail", "dead"): 1})
    assert values()["scheduler_notify_sent_total", "mail"] == 1
    assert values()["scheduler_notify_failed_total", "mail"] == 1
    assert values()["scheduler_notify_pending", "mail"] == 5
    assert values()["scheduler_notify_dead", "mail"] == 1


def test_a_process_that_leads_no_more_says_no_longer_what_is_pending():
    now = [0.0]
    figures = Figures(lambda: now[0])
    figures.seen({("mail", "open"): 2})
    assert "scheduler_notify_pending" in {metric.name for metric in figures.metrics()}
    now[0] = 61.0
    assert "scheduler_notify_pending" not in {metric.name for metric in figures.metrics()}


def test_a_process_that_routes_nothing_says_nothing_of_what_is_pending():
    assert {metric.name for metric in Figures().metrics()} == {
        "scheduler_notify_sent_total",
        "scheduler_notify_failed_total",
    }


def test_a_route_that_keeps_failing_is_unhealthy(database, plugin_settings, web):
    assert delivery_health().status is HealthStatus.OK
    web.answer = Answer(500)
    leader = Leader(
        plugin_settings(
            NOTIFY_SLACK_WEBHOOK_URL=web.url(HOOK), NOTIFY_ROUTES="- {name: ops, group_seconds: 0}"
        )
    )
    store.keep([message()])
    leader.send_all(10)
    assert delivery_health().status is HealthStatus.OK
    leader.send_all(60)
    report = delivery_health()
    assert report.status is HealthStatus.FAILING
    assert "slack by ops (1 failing, 0 given up)" in report.summary


def test_a_notice_given_up_is_unhealthy_for_a_day(database):
    now = cluster_now()
    made = {"channel": "mail", "route": "r", "form": "single", "state": "dead"}
    for number, age in enumerate((timedelta(hours=1), timedelta(days=2))):
        at = {"formed_at": now - age, "queued_at": now - age, "next_attempt_at": now - age}
        NotifyNotice.objects.create(
            id=f"0195f3a0-0000-7000-8000-00000000000{number}", settled_at=now - age, **made, **at
        )
    assert "mail by r (0 failing, 1 given up)" in delivery_health().summary
    assert delivery_health().status is HealthStatus.FAILING


def test_messages_that_nobody_routes_are_a_warning(database):
    assert backlog_health().status is HealthStatus.OK
    store.keep([message()])
    assert backlog_health().status is HealthStatus.OK
    NotifyMessage.objects.update(created_at=cluster_now() - timedelta(minutes=3))
    assert backlog_health().status is HealthStatus.WARNING
