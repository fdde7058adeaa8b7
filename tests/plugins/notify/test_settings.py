"""The settings say what is wrong with them, and show no secret."""

from collections.abc import Mapping

import pytest

from scheduler.domain.errors import InvalidSetting
from scheduler.plugin_api.reserved import KNOWN_NAMES
from scheduler.plugin_api.resolution import SettingsConflict, resolve, secret_values, shown
from scheduler.plugin_api.settings import specs
from scheduler_notify.settings import NotifySettings

SPECS = specs(NotifySettings)
BY_KEY = {spec.key: spec for spec in SPECS}
SLACK = "https://hooks.slack.com/services/T0/B0/s3cretpath"
MAIL = {
    "SCHEDULER_NOTIFY_EMAIL_TO": "ops@example.com, night@example.com",
    "SCHEDULER_NOTIFY_EMAIL_FROM": "scheduler@example.com",
    "SCHEDULER_NOTIFY_SMTP_HOST": "smtp.example.com",
}


def settings(environ: Mapping[str, str]) -> NotifySettings:
    return resolve(NotifySettings, rows={}, environ=environ).settings


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("SLACK_WEBHOOK_URL", "hooks.slack.com/s3cret", "an address that begins with https://"),
        ("SLACK_WEBHOOK_URL", "https:// s3cret", "an address that begins with https://"),
        ("SLACK_WEBHOOK_URL", "https://host:99999/s3cret", "an address that begins with"),
        ("SLACK_WEBHOOK_URL", "file:///s3cret", "an address that begins with https://"),
        ("TEAMS_WEBHOOK_URL", "https://a.webhook.office.com/s3cret", "Microsoft has retired"),
        ("TEAMS_WEBHOOK_URL", "https://outlook.office.com/webhook/s3cret", "Workflows"),
        ("WEBHOOK_SECRET", "s3cret", "at least 24 characters"),
        ("EMAIL_TO", "ops@example.com,ops", "number 2 is none"),
        ("EMAIL_FROM", "Ops <ops@example.com>", "mail addresses"),
        ("EMAIL_FROM", "a@b\r\nBcc: c@d", "mail addresses"),
        ("BASE_URL", "javascript:alert(1)", "an address that begins with"),
        ("ROUTES", "- channels: [x]", "route 1, channels.item 1"),
        ("LANGUAGE", "fr", "one of ja, en"),
    ],
)
def test_a_bad_value_is_told_with_what_is_allowed_and_no_secret(key, value, words):
    with pytest.raises(InvalidSetting) as caught:
        settings({f"SCHEDULER_NOTIFY_{key}": value})
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL": "http://hooks.example/s3cret"}, "https://"),
        ({"SCHEDULER_NOTIFY_WEBHOOK_URL": "https://hooks.example/s3cret"}, "to sign with"),
        ({"SCHEDULER_NOTIFY_EMAIL_TO": "ops@example.com"}, "Mail needs"),
        (
            MAIL | {"SCHEDULER_NOTIFY_SMTP_USER": "u", "SCHEDULER_NOTIFY_SMTP_USE_TLS": "0"},
            "over TLS only",
        ),
    ],
)
def test_values_that_do_not_fit_together_are_told_without_a_secret(environ, words):
    with pytest.raises(SettingsConflict) as caught:
        settings(environ)
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_bad_row_falls_back_and_a_webhook_row_is_hidden_whole():
    key = "SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL"
    found = resolve(NotifySettings, rows={key: "http://x.example/s3cret"}, environ={key: SLACK})
    assert found.settings.notify_slack_webhook_url.get_secret_value() == SLACK
    assert "s3cret" not in found.problems[0].sentence
    assert shown(BY_KEY[key], settings({key: SLACK}).notify_slack_webhook_url) == "***"


def test_the_logs_mask_a_webhook_address():
    found = resolve(NotifySettings, rows={}, environ={"SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL": SLACK})
    assert SLACK in secret_values([found])
    assert "s3cret" not in repr(found.settings)


def test_http_is_for_this_machine_or_where_it_is_allowed():
    local = {"SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL": "http://127.0.0.1:8080/x"}
    assert settings(local).configured == ("slack",)
    far = {"SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL": "http://relay.example/x"}
    assert settings(far | {"SCHEDULER_NOTIFY_ALLOW_HTTP": "1"}).configured == ("slack",)


def test_what_is_set_up_is_what_can_be_sent_to():
    assert settings({}).configured == ()
    assert settings(MAIL).configured == ("mail",)
    assert settings(MAIL).notify_email_to == ("ops@example.com", "night@example.com")


def test_a_teams_workflow_of_today_is_taken():
    url = (
        "https://x.a1.environment.api.powerplatform.com/powerautomate/automations/direct/w/1?sig=s"
    )
    assert settings({"SCHEDULER_NOTIFY_TEAMS_WEBHOOK_URL": url}).configured == ("teams",)


def test_every_name_is_known_without_the_plugin():
    assert {spec.key for spec in SPECS} <= KNOWN_NAMES


def test_every_secret_is_declared_as_one():
    secret = {spec.key for spec in SPECS if spec.help.secret}
    assert secret == {
        "SCHEDULER_ALERT_WEBHOOK_TOKEN",
        "SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL",
        "SCHEDULER_NOTIFY_TEAMS_WEBHOOK_URL",
        "SCHEDULER_NOTIFY_WEBHOOK_URL",
        "SCHEDULER_NOTIFY_WEBHOOK_SECRET",
        "SCHEDULER_NOTIFY_SMTP_PASSWORD",
    }
