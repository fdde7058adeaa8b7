"""What Slack, Teams and the own webhook get, as a real server receives it."""

import base64
import hashlib
import hmac
import json

import pytest

from scheduler_notify.channels import send, slack, teams, webhook
from scheduler_notify.channels.failing import NotDelivered
from scheduler_notify.messages import Severity
from tests.plugins.notify.builders import HOOK, NOON, message, notice

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVIL = "<!channel> <https://evil.example|click> & [x](https://evil.example) **b** <at>all</at>"


@pytest.mark.parametrize("channel", ["slack", "teams", "mail", "webhook"])
def test_a_channel_that_is_not_set_up_says_so(channel, plugin_settings):
    with pytest.raises(NotDelivered, match=f"channel {channel} is not set up"):
        send(channel, plugin_settings(NOTIFY_WEBHOOK_SECRET=SECRET), notice(), NOON)


def test_slack_gets_blocks_in_the_severitys_colour(web, plugin_settings):
    settings = plugin_settings(NOTIFY_SLACK_WEBHOOK_URL=web.url(HOOK))
    assert send("slack", settings, notice(link="https://s.example/run/1"), NOON) == ""
    body = json.loads(web.asked[0].body)
    assert body["text"] == "nightly failed"
    (attachment,) = body["attachments"]
    assert attachment["color"] == slack.COLORS[Severity.ERROR]
    header, section, link = attachment["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "nightly failed", "emoji": False}
    assert section["text"]["text"] == "Reason: exit code 3\nWorker: w-1"
    assert link["text"]["text"] == "<https://s.example/run/1|https://s.example/run/1>"


def test_slack_takes_no_markup_from_what_a_job_writes():
    body = slack.payload(notice(title=EVIL, text=EVIL))
    told = body["text"] + body["attachments"][0]["blocks"][1]["text"]["text"]
    assert "<" not in told
    assert ">" not in told
    assert "&lt;!channel&gt;" in told


def test_slack_gets_long_texts_in_parts_that_it_takes():
    text = "\n".join(f"line {n} " + "<" * 100 for n in range(200)) + "\n" + "y" * 9000
    blocks = slack.payload(notice(title="t" * 500, text=text))["attachments"][0]["blocks"]
    assert len(blocks[0]["text"]["text"]) == slack.HEADER_AT_MOST
    assert len(blocks) <= slack.SECTIONS_AT_MOST + 1
    assert all(0 < len(one["text"]["text"]) <= slack.SECTION_AT_MOST for one in blocks)


def test_teams_gets_an_adaptive_card(web, plugin_settings):
    settings = plugin_settings(NOTIFY_TEAMS_WEBHOOK_URL=web.url(HOOK), NOTIFY_LANGUAGE="en")
    send("teams", settings, notice(link="https://s.example/run/1"), NOON)
    body = json.loads(web.asked[0].body)
    (attachment,) = body["attachments"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    texts = [one["inlines"][0]["text"] for one in card["body"]]
    assert texts == ["nightly failed", "Reason: exit code 3", "Worker: w-1"]
    assert card["body"][0]["inlines"][0]["color"] == "attention"
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open", "url": "https://s.example/run/1"}
    ]


def test_teams_shows_text_in_runs_that_know_no_markup():
    card = teams.payload(notice(title=EVIL, text=EVIL), "ja")["attachments"][0]["content"]
    assert {one["type"] for one in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for one in card["body"] for run in one["inlines"]} == {"TextRun"}


def test_teams_gets_no_more_than_it_takes():
    text = "\n".join("障害が発生しました" * 10 for _ in range(500))
    whole = json.dumps(teams.payload(notice(text=text), "ja"), ensure_ascii=False)
    assert len(whole.encode()) < 28_000
    assert "…" in whole


def test_teams_counts_what_json_makes_of_a_text():
    text = "\n".join('"' * 60 + "障" * 60 for _ in range(100))
    whole = json.dumps(teams.payload(notice(text=text), "ja"), ensure_ascii=False)
    assert len(whole.encode()) < 28_000


def test_slack_gets_no_link_that_is_too_long_for_it():
    body = slack.payload(notice(link="https://p.example/?" + "&" * 1900))
    kinds = [one["type"] for one in body["attachments"][0]["blocks"]]
    assert kinds == ["header", "section"]


@pytest.mark.parametrize("channel", [slack.payload, lambda one: teams.payload(one, "ja")])
def test_what_is_over_is_green(channel):
    assert any(c in json.dumps(channel(notice(resolved=True))) for c in (slack.OVER, '"good"'))


def test_the_own_webhook_gets_signed_json(web, plugin_settings):
    settings = plugin_settings(NOTIFY_WEBHOOK_URL=web.url(HOOK), NOTIFY_WEBHOOK_SECRET=SECRET)
    one = notice(messages=(message(), message()))
    send("webhook", settings, one, NOON)
    (got,) = web.asked
    told = f"{one.notice_id}.{int(NOON.timestamp())}.".encode() + got.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert got.headers["webhook-id"] == str(one.notice_id)
    body = json.loads(got.body)
    assert body["type"] == "scheduler.notice"
    assert [m["job"] for m in body["data"]["messages"]] == ["nightly", "nightly"]


def test_the_own_webhook_gets_no_more_than_receivers_take_and_is_told_what_is_left():
    big = tuple(message(facts={"labels": "障" * 2000}) for _ in range(300))
    whole = webhook.payload(notice(messages=big))
    assert len(json.dumps(whole, ensure_ascii=False).encode()) < 510_000
    told = whole["data"]
    assert len(told["messages"]) > 50
    assert len(told["messages"]) + told["messages_left"] == 300


def test_a_second_attempt_has_the_same_id_and_a_new_time(web, plugin_settings):
    settings = plugin_settings(NOTIFY_WEBHOOK_URL=web.url(HOOK), NOTIFY_WEBHOOK_SECRET=SECRET)
    send("webhook", settings, notice(), NOON)
    send("webhook", settings, notice(), NOON.replace(hour=4))
    first, second = web.asked
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
