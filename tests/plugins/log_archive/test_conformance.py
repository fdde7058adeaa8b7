"""The suite that every plugin passes, with its store away."""

import pytest

from scheduler.testing.plugin_conformance import PluginConformance
from scheduler_log_archive.plugin import LogArchivePlugin


@pytest.mark.django_db(transaction=True)
class TestConformance(PluginConformance):
    plugin = LogArchivePlugin
    environ = {
        "SCHEDULER_LOG_ARCHIVE_ENABLED": "1",
        "SCHEDULER_LOG_ARCHIVE_S3_ENDPOINT_URL": "http://127.0.0.1:1",
        "SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID": "name",
        "SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY": "secret",
    }
