"""The demo with Prometheus and Alertmanager on the machine, and without."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_demo.monitoring import LocalAlertmanager, LocalPrometheus

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


def test_where_they_are_not_the_demo_says_how_to_get_them_and_goes_on(folder):
    names = {*LocalPrometheus.programs, *LocalAlertmanager.programs}
    path = path_without(names, folder / "bin")
    done = check(folder / "without", PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"]
    assert "apt-get install -y prometheus prometheus-alertmanager" in done.stderr
