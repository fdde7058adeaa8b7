"""Pages of figures, read as Prometheus reads them."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler.plugin_api.metrics import Metric, RunMeasure
from scheduler.plugin_api.values import RunState
from scheduler.testing.worker_view import FakeWorkerView

NOON = datetime(2026, 1, 2, 3, tzinfo=UTC)
RUN = UUID("0190f3a0-0000-7000-8000-000000000001")


def program(name: str, package: str) -> str:
    """The path of a program; the test fails where it is missing, and says how to get it."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: apt-get install -y {package}", pytrace=False)
    return found


def read(page: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def value(page: bytes, name: str, **labels: str) -> float | None:
    """One sample's value; None where there is none."""
    return read(page).get((name, frozenset(labels.items())))


def names(page: bytes) -> set[str]:
    """The names of all families, as they are declared."""
    found = page.decode().splitlines()
    return {line.split()[2] for line in found if line.startswith("# TYPE ")}


def checked_by_promtool(page: bytes) -> str:
    """What promtool finds wrong with the page; empty where all is well."""
    command = [program("promtool", "prometheus"), "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def measure(**changes: Any) -> RunMeasure:
    """A run of ``report`` that was due at noon, began 20 ms late and took two seconds."""
    values: dict[str, Any] = {
        "run_id": RUN,
        "job_name": "report",
        "queue": "default",
        "attempt": 1,
        "state": RunState.SUCCEEDED,
        "reason": "",
        "due_at": NOON,
        "started_at": NOON + timedelta(milliseconds=20),
        "finished_at": NOON + timedelta(seconds=2, milliseconds=20),
        "cpu_user_seconds": 0.3,
        "cpu_system_seconds": 0.1,
        "max_rss_bytes": 50 * 2**20,
        "read_bytes": 4096,
        "write_bytes": None,
    }
    return RunMeasure(**(values | changes))


def leading_worker(plugins: tuple[Metric, ...] = ()) -> FakeWorkerView:
    """A leader that runs three of eight, and the figures of its other plugins."""
    return FakeWorkerView(
        role="leader",
        epoch=7,
        runs={UUID(int=number) for number in (1, 2, 3)},
        certificate_expires_at=NOON,
        figures=plugins,
    )
