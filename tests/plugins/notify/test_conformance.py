"""The plugin keeps what every plugin keeps."""

import pytest

from scheduler.testing.plugin_conformance import PluginConformance
from scheduler_notify.plugin import NotifyPlugin

AWAY = "http://127.0.0.1:1/away"


@pytest.mark.usefixtures("django_postgres")
class TestConformance(PluginConformance):
    plugin = NotifyPlugin
    environ = {
        "SCHEDULER_NOTIFY_SLACK_WEBHOOK_URL": AWAY,
        "SCHEDULER_NOTIFY_TEAMS_WEBHOOK_URL": AWAY,
        "SCHEDULER_NOTIFY_WEBHOOK_URL": AWAY,
        "SCHEDULER_NOTIFY_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "SCHEDULER_NOTIFY_EMAIL_TO": "ops@example.com",
        "SCHEDULER_NOTIFY_EMAIL_FROM": "scheduler@example.com",
        "SCHEDULER_NOTIFY_SMTP_HOST": "127.0.0.1",
        "SCHEDULER_NOTIFY_SMTP_PORT": "1",
    }
