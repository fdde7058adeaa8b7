"""The one command, as a person and as a program start it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from scheduler_demo.monitoring import LocalAlertmanager, LocalPrometheus
from scheduler_demo.services import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def check(folder: Path, *argv: str, path: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scheduler_demo", "--data-dir", str(folder), "--port", "0"]
    return subprocess.run(
        [*command, "--json", *argv],
        env=environment() | ({"PATH": path} if path else {}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@contextmanager
def a_demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that runs until stopped, once its first line about the cluster is out."""
    command = [sys.executable, "-m", "scheduler_demo", "--data-dir", str(folder), "--port", "0"]
    with (
        (folder.parent / f"{folder.name}.out").open("w+") as out,
        subprocess.Popen(
            [*command, "--jobs", "pulse", "--workers", "2"],
            env=environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        ) as demo,
    ):
        path = Path(out.name)
        try:
            told = lambda: "leader w-" in path.read_text()  # noqa: E731
            wait_until(lambda: told() or demo.poll() is not None, 90)
            assert told(), path.read_text()
            yield demo
        finally:
            demo.kill()


def family_of(demo: subprocess.Popen[str]) -> list[psutil.Process]:
    family = psutil.Process(demo.pid).children(recursive=True)
    names = " ".join(" ".join(process.cmdline()) for process in family)
    servers = ("postgres", "valkey-server", "weed mini", "scheduler_worker")
    assert all(server in names for server in servers), names
    return family


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(scope="module")
def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """A check of the whole demo, whose leader is killed."""
    for server in (LocalPrometheus, LocalAlertmanager):
        assert server.program(), f"apt-get install -y {server.programs[0]}"
    done = check(folder / "pg", "--check", "15", "--kill-leader")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_check_with_a_killed_leader_finds_nothing_lost_and_nothing_doubled(checked):
    summary = json.loads(checked.stdout)
    assert summary["ok"]
    assert summary["slots"]["due"] > 0
    assert summary["slots"]["due"] == summary["slots"]["covered"]
    assert (summary["slots"]["lost"], summary["slots"]["doubled"]) == (0, 0)
    assert summary["epoch"] == 2 and summary["leader"]
    assert summary["takeover_ms"] < 10_000
    assert summary["lateness_ms"]["p50"] is not None
    assert summary["runs"]["SUCCEEDED"] > 0


def test_it_posts_events_and_finds_each_run_that_was_promised(checked):
    events = json.loads(checked.stdout)["events"]
    assert events["posted"] > 5
    assert events["runs"] == events["promised"] > events["posted"]
    assert (events["lost"], events["doubled"]) == (0, 0)


def test_it_finds_that_logs_were_archived_and_read_back(checked):
    archive = json.loads(checked.stdout)["archive"]
    assert archive["archived"] > 0
    assert (archive["pending"], archive["failed"]) == (0, 0)
    assert "logs of ended runs: http://127.0.0.1:" in checked.stderr


def test_it_tells_the_addresses_of_prometheus_and_alertmanager(checked):
    told = set(re.findall(r"^(\w+): http://127\.0\.0\.1:[0-9]+$", checked.stderr, re.MULTILINE))
    assert told == {"Prometheus", "Alertmanager"}


@pytest.fixture(scope="module")
def small(folder: Path) -> subprocess.CompletedProcess[str]:
    """A check over SQLite, on a machine that has neither Prometheus nor Alertmanager."""
    names = {*LocalPrometheus.programs, *LocalAlertmanager.programs}
    done = check(
        folder / "lite",
        *("--check", "8", "--database", "sqlite", "--jobs", "pulse", "--workers", "2"),
        path=path_without(names, folder / "bin"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def path_without(names: set[str], folder: Path) -> str:
    """A PATH with all programs of the present one but these."""
    folder.mkdir()
    for each in os.environ["PATH"].split(os.pathsep):
        for program in Path(each).iterdir() if Path(each).is_dir() else ():
            link = folder / program.name
            if program.name not in names and not link.is_symlink():
                link.symlink_to(program.absolute())
    return str(folder)


def test_sqlite_serves_one_host_too(small):
    summary = json.loads(small.stdout)
    assert summary["slots"]["due"] == summary["slots"]["covered"] > 0
    assert summary["archive"] is None


def test_without_prometheus_and_alertmanager_it_says_how_to_get_them_and_goes_on(small):
    assert json.loads(small.stdout)["ok"]
    assert "apt-get install -y prometheus prometheus-alertmanager" in small.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_no_process_behind(folder, number):
    with a_demo(folder / f"stop{number}") as demo:
        family = family_of(demo)
        demo.send_signal(number)
        assert demo.wait(60) == 0
    assert alive(family) == []


def test_a_killed_demo_leaves_no_process_behind(folder):
    with a_demo(folder / "killed") as demo:
        family = family_of(demo)
        demo.kill()
        demo.wait(10)
    assert wait_until(lambda: not alive(family), 60), alive(family)


def test_a_second_signal_hurries(folder):
    with a_demo(folder / "hurry") as demo:
        family = family_of(demo)
        demo.send_signal(signal.SIGINT)
        time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 0
    assert alive(family) == []
