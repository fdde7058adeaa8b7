"""The real Alertmanager posts to the receiver: an alert fires, is resolved, and is told of."""

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from django.core.wsgi import get_wsgi_application
from django.test import override_settings

from scheduler_notify.models import NotifyMessage

TOKEN = "am-t0ken-of-the-tests"
CONFIG = """
route: {{receiver: scheduler, group_wait: 100ms, group_interval: 1s, repeat_interval: 1m}}
receivers:
  - name: scheduler
    webhook_configs:
      - url: http://127.0.0.1:{port}/api/alertmanager/webhook/
        send_resolved: true
        max_alerts: 2
        http_config: {{authorization: {{credentials: {token}}}}}
"""


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(django_sqlite, enabled) -> Iterator[int]:
    """The port of a web server with the plugin's addresses."""
    enabled.setenv("SCHEDULER_ALERT_WEBHOOK_TOKEN", TOKEN)
    with override_settings(ROOT_URLCONF="tests.plugins.notify.urls"):
        server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Silent)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def alertmanager(site: int, tmp_path: Path) -> Iterator[str]:
    """The address of a running Alertmanager that posts to the site."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.fail("no Alertmanager: apt-get install prometheus-alertmanager", pytrace=False)
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG.format(port=site, token=TOKEN))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/-/ready"))
        yield url
        child.terminate()


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it did not come to pass in time"
        sleep(0.05)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


def tell(alertmanager: str, *names: str, ended: bool = False) -> None:
    now = datetime.now(UTC)
    alerts = [
        {
            "labels": {"alertname": name, "severity": "critical", "job_name": "nightly"},
            "annotations": {"summary": f"{name} 発生"},
            "startsAt": (now - timedelta(minutes=5)).isoformat(),
            **({"endsAt": (now - timedelta(seconds=1)).isoformat()} if ended else {}),
        }
        for name in names
    ]
    body = json.dumps(alerts).encode()
    head = {"Content-Type": "application/json"}
    requests.post(f"{alertmanager}/api/v2/alerts", body, headers=head, timeout=5).raise_for_status()


def test_an_alert_fires_and_is_resolved(alertmanager):
    tell(alertmanager, "SchedulerLeaderMissing")
    until(lambda: NotifyMessage.objects.filter(resolved=False).exists())
    fired = NotifyMessage.objects.get()
    assert (fired.subject, fired.job, fired.severity) == (
        "SchedulerLeaderMissing",
        "nightly",
        "error",
    )
    assert fired.facts["annotations"]["summary"] == "SchedulerLeaderMissing 発生"
    tell(alertmanager, "SchedulerLeaderMissing", ended=True)
    until(lambda: NotifyMessage.objects.filter(resolved=True).exists())
    assert NotifyMessage.objects.count() == 2


def test_what_max_alerts_leaves_out_is_told_of(alertmanager):
    tell(alertmanager, *(f"Alert{number}" for number in range(5)))
    until(lambda: NotifyMessage.objects.filter(facts__left_out=3).exists())
    assert NotifyMessage.objects.exclude(facts__has_key="left_out").count() == 2
