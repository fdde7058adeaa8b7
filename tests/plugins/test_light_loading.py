"""What a plugin loads is copied by every fork of a run: libraries come when a worker needs them."""

import json
import os
import subprocess
import sys

from tests.plugins.shipped import ALL_PLUGINS

PLUGINS = {
    "SCHEDULER_PLUGINS": ALL_PLUGINS,
    "SCHEDULER_DEPLOYMENT": "k8s",
    "SCHEDULER_LOG_ARCHIVE_ENABLED": "1",
    "SCHEDULER_LOG_ARCHIVE_BUCKET": "scheduler-logs",
    "SCHEDULER_PROMETHEUS_URL": "http://127.0.0.1:9090",
    "SCHEDULER_NOTIFY_WEBHOOK_URL": "https://example.com/hook",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
}
LOADED = """
import json, sys
import django

django.setup()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded(**environment: str) -> set[str]:
    """The packages of a process in which Django's apps, and so the plugins, are loaded."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "DJANGO_SETTINGS_MODULE": "scheduler_site.settings",
            **environment,
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout))


def test_a_process_with_all_plugins_has_loaded_no_library_that_one_without_has_not():
    more = loaded(**PLUGINS) - loaded(SCHEDULER_PLUGINS="") - sys.stdlib_module_names
    assert more == {
        "scheduler_k8s_health",
        "scheduler_log_archive",
        "scheduler_monitoring",
        "scheduler_notify",
    }
