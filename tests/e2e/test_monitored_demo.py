"""The demo with Prometheus and Alertmanager on the machine, and without."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from scheduler_demo.layout import Layout
from scheduler_demo.monitored import MonitoredCluster
from scheduler_demo.monitoring import LocalAlertmanager, LocalPrometheus
from scheduler_demo.server import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


def check(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scheduler_demo", "--data-dir", str(folder), "--port", "0"]
    return subprocess.run(
        [*command, "--json", "--check", "10", "--jobs", "pulse", "--workers", "2"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def path_without(names: set[str], folder: Path) -> str:
    """A PATH with all programs of the present one but these."""
    folder.mkdir()
    for each in os.environ["PATH"].split(os.pathsep):
        for program in Path(each).iterdir() if Path(each).is_dir() else ():
            link = folder / program.name
            if program.name not in names and not link.is_symlink():
                link.symlink_to(program.absolute())
    return str(folder)


def test_where_both_are_installed_their_addresses_are_told(folder):
    for server in (LocalPrometheus, LocalAlertmanager):
        assert server.program(), f"apt-get install -y {server.programs[0]}"
    done = check(folder / "with")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"]
    told = set(re.findall(r"^(\w+): http://127\.0\.0\.1:[0-9]+$", done.stderr, re.MULTILINE))
    assert told == {"Prometheus", "Alertmanager"}


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


def test_where_they_are_not_the_demo_says_how_to_get_them_and_goes_on(folder):
    names = {*LocalPrometheus.programs, *LocalAlertmanager.programs}
    path = path_without(names, folder / "bin")
    done = check(folder / "without", PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"]
    assert "apt-get install -y prometheus prometheus-alertmanager" in done.stderr
