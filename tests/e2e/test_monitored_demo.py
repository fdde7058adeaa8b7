"""The demo where Prometheus and Alertmanager are on the machine."""

import pytest
import requests

from scheduler_demo.layout import Layout
from scheduler_demo.monitored import MonitoredCluster
from scheduler_demo.server import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_prometheus_finds_every_page_of_the_demo(folder, database):
    said: list[str] = []
    options = {"workers": 2, "web_port": 0, "jobs": "pulse", "database": database}
    with MonitoredCluster(Layout(folder / database), say=said.append, **options):
        (address,) = [line.split(": ")[1] for line in said if line.startswith("Prometheus")]

        def up() -> int:
            answer = requests.get(f"{address}/api/v1/query", {"query": "up == 1"}, timeout=5)
            return len(answer.json()["data"]["result"])

        assert wait_until(lambda: up() == 3, 40), f"{up()} of 3 pages are up"
