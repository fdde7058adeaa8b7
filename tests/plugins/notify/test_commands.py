"""The commands: what they say, and with which exit code."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from scheduler_notify import store
from scheduler_notify.models import NotifyNotice
from scheduler_notify.rendering import render
from tests.plugins.http_server import Answer
from tests.plugins.notify.builders import HOOK, message
from tests.plugins.notify.leading import Leader

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def call(database, enabled):
    """Run a command as the shell would: what it said, and its exit code."""

    def call(*args):
        out, err = StringIO(), StringIO()
        try:
            call_command(*args, stdout=out, stderr=err)
        except CommandError as error:
            return out.getvalue() + err.getvalue() + str(error), error.returncode
        except SystemExit as stop:
            return out.getvalue() + err.getvalue(), int(stop.code or 0)
        return out.getvalue() + err.getvalue(), 0

    return call


@pytest.fixture
def hooked(enabled, web):
    enabled.setenv("SCHEDULER_NOTIFY_WEBHOOK_URL", web.url(HOOK))
    enabled.setenv("SCHEDULER_NOTIFY_WEBHOOK_SECRET", SECRET)
    enabled.setenv("SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL", web.url("/slack"))
    enabled.setenv("SCHEDULER_NOTIFY_ROUTES", '[{"group_seconds": 0}]')
    return enabled


def test_the_test_says_channel_by_channel_what_happened(call, hooked, web):
    web.script = [Answer(404, b"no_service")]
    said, code = call("scheduler_notify_test", "--job", "nightly")
    assert said.splitlines() == [
        "slack: failed. 127.0.0.1 answered 404 Not Found (no_service);"
        " check the address and the receiver.",
        "webhook: sent.",
    ]
    assert code == 1
    title = json.loads(web.asked[1].body)["data"]["title"]
    assert title == "【情報】通知テスト（nightly）"


def test_what_nobody_foresaw_keeps_the_test_from_no_other_channel(call, hooked, web):
    told = []

    def raising(*args):
        told.append(args)
        if len(told) == 1:
            raise RuntimeError("at https://hooks.example/s3cretpath")
        return render(*args)

    hooked.setattr("scheduler_notify.trial.render", raising)
    said, code = call("scheduler_notify_test")
    assert said.splitlines() == [
        "slack: failed. The notice could not be made or sent: an unexpected RuntimeError.",
        "webhook: sent.",
    ]
    assert code == 1


def test_the_test_of_one_channel_asks_that_one_alone(call, hooked, web):
    assert call("scheduler_notify_test", "--channel", "webhook") == ("webhook: sent.\n", 0)
    assert [one.path for one in web.asked] == [HOOK]


def test_a_channel_that_is_not_set_up_and_none_at_all_are_bad_settings(call, hooked, enabled):
    said, code = call("scheduler_notify_test", "--channel", "teams")
    assert (said, code) == (
        "The channel teams is not set up; docs/notifications.md says which settings it takes.",
        2,
    )
    for name in ("WEBHOOK_URL", "SLACK_WEBHOOK_URL"):
        enabled.delenv(f"SCHEDULER_NOTIFY_{name}")


@pytest.mark.parametrize("command", ["scheduler_notify", "scheduler_notify_test"])
def test_bad_settings_are_one_sentence(call, enabled, command):
    enabled.setenv("SCHEDULER_NOTIFY_ROUTES", "- channels: [fax]")
    said, code = call(command)
    assert "SCHEDULER_NOTIFY_ROUTES" in said
    assert "route 1, channels.item 1" in said
    assert "Traceback" not in said
    assert code == 2


@pytest.fixture
def dead(call, hooked, web, plugin_settings):
    """A notice that was given up."""
    web.answer = Answer(500, b"down")
    leader = Leader(plugin_settings(NOTIFY_GIVE_UP_AFTER_SECONDS="60"))
    store.keep([message(), message()])
    leader.send_all(200, step=10)
    web.answer = Answer()
    return leader


def test_the_overview_shows_routes_backlog_and_the_last_errors(call, dead):
    store.keep([message()])
    said, code = call("scheduler_notify")
    assert code == 0
    assert "Channels set up: slack, webhook" in said
    assert "route-1: error, warning of * to all channels" in said
    assert "Messages not routed yet: 1" in said
    assert "webhook: 0 waiting, 0 open, 0 sent, 1 dead" in said
    assert "127.0.0.1 answered 500 Internal Server Error (down)" in said
    assert "s3cret" not in said


def test_the_overview_as_json(call, dead):
    said, _ = call("scheduler_notify", "--json")
    found = json.loads(said)
    assert found["counts"]["slack"] == {"waiting": 0, "open": 0, "sent": 0, "dead": 1}
    assert {one["channel"] for one in found["troubled"]} == {"slack", "webhook"}
    assert found["troubled"][0]["messages"] == 2
    assert found["troubled"][0]["next_attempt_at"] is None


def test_dead_ones_are_queued_again(call, dead, web):
    said, code = call("scheduler_notify", "--requeue", "--channel", "webhook")
    assert "Notices queued again: 1." in said
    assert code == 0
    states = dict(NotifyNotice.objects.values_list("channel", "state"))
    assert states == {"slack": "dead", "webhook": "open"}


def test_the_messages_of_a_notice_are_listed(call, dead):
    notice = str(NotifyNotice.objects.values_list("pk", flat=True)[0])
    said, code = call("scheduler_notify", "--notice", notice)
    assert (said.count("error run_failed nightly run "), code) == (2, 0)
    assert len(json.loads(call("scheduler_notify", "--json", "--notice", notice)[0])["messages"])
    _, code = call("scheduler_notify", "--notice", "0195f3a0-0000-7000-8000-0000000000ff")
    assert code == 2


def test_the_settings_that_nothing_is_set_up_with_are_bad(call):
    said, code = call("scheduler_notify_test")
    assert said.startswith("No channel is set up;")
    assert code == 2
