"""Notices on their way to real receivers: retried, kept apart, never lost."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from threading import Thread
from time import monotonic, sleep

import pytest
import structlog
from django.db import connection

from scheduler_notify import store
from scheduler_notify.channels import posting
from scheduler_notify.models import NotifyNotice
from scheduler_notify.rendering import render
from tests.plugins.http_server import Answer, local_server
from tests.plugins.notify.builders import HOOK, PLUGIN, message
from tests.plugins.notify.leading import Leader

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT_ONCE = json.dumps([{"group_seconds": 0}])
ONE_EACH = json.dumps([{"group_by": ["job"], "group_seconds": 0}])


@pytest.fixture
def leader(database, plugin_settings, web):
    def made(**values):
        given = {
            "NOTIFY_WEBHOOK_URL": web.url(HOOK),
            "NOTIFY_WEBHOOK_SECRET": SECRET,
            "NOTIFY_ROUTES": AT_ONCE,
            **values,
        }
        return Leader(plugin_settings(**given))

    return made


def queued(one, *messages):
    """Notices of these messages, ready to be sent."""
    store.keep(messages or [message()])
    one.route()
    one.route()


def test_a_notice_is_sent_once(leader, web):
    one = leader()
    queued(one)
    assert one.send("webhook") == 0
    assert one.send("webhook", after=1000) > 0
    (got,) = web.asked
    assert json.loads(got.body)["data"]["messages"][0]["job"] == "nightly"
    assert NotifyNotice.objects.get().state == "sent"


def test_two_leaders_that_overlap_send_once(leader, web):
    first, second = leader(), leader()
    queued(first)
    for one in (first, second, first, second):
        one.send("webhook")
    assert len(web.asked) == 1


def test_a_failed_one_is_sent_again_later_and_later_under_the_same_id(leader, web):
    one = leader()
    queued(one)
    web.script = [Answer(500), Answer(503)]
    waits = []
    while NotifyNotice.objects.get().state == "open":
        before = len(web.asked)
        one.send("webhook", after=1)
        if len(web.asked) > before:
            waits.append(one.now)
    gaps = [(b - a).total_seconds() for a, b in pairwise(waits)]
    assert gaps == [5, 10]
    assert len({got.headers["webhook-id"] for got in web.asked}) == 1
    assert NotifyNotice.objects.get().attempts == 3


def test_a_receiver_that_asks_for_time_gets_it_for_all_of_its_notices(leader, web):
    one = leader()
    one.settings = one.settings.model_copy(update={"notify_routes": ONE_EACH})
    queued(one, message(), message(subject="other", job="other"))
    web.script = [Answer(429, b"", {"Retry-After": "300"})]
    one.send("webhook")
    for _ in range(10):
        one.send("webhook", after=29)
    assert len(web.asked) == 1
    one.send("webhook", after=11)
    one.send("webhook")
    assert len(web.asked) == 3


def test_a_notice_that_cannot_be_delivered_is_given_up_and_queued_again_by_hand(leader, web):
    one = leader(NOTIFY_GIVE_UP_AFTER_SECONDS="60")
    queued(one)
    web.answer = Answer(404, b"no_service")
    for _ in range(200):
        one.send("webhook", after=1)
    dead = NotifyNotice.objects.get()
    assert dead.state == "dead"
    assert "404 Not Found (no_service)" in dead.last_error
    tries = len(web.asked)
    one.send("webhook", after=10_000)
    assert len(web.asked) == tries
    web.answer = Answer()
    assert store.requeue_dead(one.now) == 1
    one.send("webhook")
    assert NotifyNotice.objects.get().state == "sent"


def test_no_log_and_no_table_holds_a_webhooks_address(leader, web):
    one = leader()
    queued(one)
    web.answer = Answer(500, b"failed: /services/T0/B0/s3cretpath")
    with structlog.testing.capture_logs() as lines:
        one.send("webhook")
    assert "s3cretpath" not in repr(lines)
    assert "s3cretpath" not in NotifyNotice.objects.get().last_error
    assert any(line["event"] == "notice_not_sent" for line in lines)


def carried_out(work):
    """In a thread of its own: its connection ends with it."""
    try:
        work()
    finally:
        connection.close()


def test_a_channel_that_hangs_holds_up_no_other(leader, web):
    with local_server() as hanging:
        hanging.answer = Answer(hang=True)
        one = leader(NOTIFY_SLACK_WEBHOOK_URL=hanging.url(HOOK))
        queued(one)
        stuck = Thread(target=carried_out, args=[one.senders["slack"].tick])
        stuck.start()
        begun = monotonic()
        one.send("webhook")
        assert monotonic() - begun < posting.READ_SECONDS / 2
        assert stuck.is_alive()
    stuck.join()
    states = dict(NotifyNotice.objects.values_list("channel", "state"))
    assert states == {"webhook": "sent", "slack": "open"}


def test_a_template_that_is_missing_keeps_the_notice_until_it_is_there(leader, web):
    one = leader()
    queued(one)
    one.settings = one.settings.model_copy(update={"notify_language": "xx"})
    one.send("webhook")
    assert "scheduler_notify/xx/run_failed.txt cannot be rendered" in (
        NotifyNotice.objects.get().last_error
    )
    one.settings = one.settings.model_copy(update={"notify_language": "en"})
    one.send("webhook", after=10)
    assert NotifyNotice.objects.get().state == "sent"


def test_what_nobody_foresaw_keeps_one_notice_and_no_other(leader, web, monkeypatch):
    one = leader(NOTIFY_ROUTES=ONE_EACH)
    queued(one, message(subject="odd"), message(subject="even"))

    def raising(notice_id, form, messages, *rest):
        if messages[0].subject == "odd":
            raise RuntimeError("at https://hooks.example/s3cretpath")
        return render(notice_id, form, messages, *rest)

    monkeypatch.setattr("scheduler_notify.sender.render", raising)
    for _ in range(6):
        one.send("webhook", after=1)
    assert len(web.asked) == 1
    (kept,) = NotifyNotice.objects.filter(state="open")
    assert kept.last_error == ("The notice could not be made or sent: an unexpected RuntimeError.")


def test_a_sender_killed_between_sending_and_marking_sends_again(leader, web, database):
    one = leader()
    queued(one)
    web.script = [Answer(hang=True)]
    environment = {
        **os.environ,
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
        "SCHEDULER_PLUGINS": PLUGIN,
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
    }
    script = (
        "import django; django.setup();"
        "from tests.plugins.notify.leading import Leader;"
        "from scheduler_notify.settings import NotifySettings;"
        "Leader(NotifySettings()).send('webhook')"
    )
    with subprocess.Popen([sys.executable, "-c", script], env=environment) as child:
        deadline = monotonic() + 30
        while not web.asked and monotonic() < deadline:
            sleep(0.02)
        child.send_signal(signal.SIGKILL)
    assert len(web.asked) == 1
    assert NotifyNotice.objects.get().state == "open"
    one.send("webhook", after=60)
    assert len(web.asked) == 1, "the dead sender's lease still stands"
    one.send("webhook", after=300)
    assert len(web.asked) == 2
    assert len({got.headers["webhook-id"] for got in web.asked}) == 1
    assert NotifyNotice.objects.get().state == "sent"


def test_nothing_of_a_storm_is_lost(leader, web):
    """A hundred messages against a receiver that fails every third time, with a low limit."""
    routes = [{"group_seconds": 5, "limit": {"notices": 3, "seconds": 60}}]
    one = leader(NOTIFY_ROUTES=json.dumps(routes))
    told = [message(subject=f"job-{n % 7}", job=f"job-{n % 7}") for n in range(100)]
    web.script = [Answer(500) if n % 3 == 0 else Answer() for n in range(60)]
    for number in range(0, 100, 10):
        store.keep(told[number : number + 10])
        one.send_all(7)
    one.send_all(600, step=5)
    delivered = {got.headers["webhook-id"]: got for got in web.asked}
    names = [
        m["job"] for got in delivered.values() for m in json.loads(got.body)["data"]["messages"]
    ]
    assert sorted(names) == sorted(one.job for one in told)
    assert set(NotifyNotice.objects.values_list("state", flat=True)) == {"sent"}
