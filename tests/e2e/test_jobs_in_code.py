"""Functions declared in an app's ``jobs.py`` really run, and workers apply them only once."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.cluster import Cluster

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

SETTINGS = """
from scheduler_demo.settings import *
from scheduler_demo.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = [*APPS, "billing"]
"""
JOBS = """
from pathlib import Path

from scheduler.jobs import scheduled


@scheduled(every=1, args={"text": "月次", "deep": {"a": [True]}})
def note(text, deep):
    with open(Path(__file__).parent / "noted", "a", encoding="utf-8") as file:
        print(text, deep, file=file)


@scheduled(every=1)
def broken():
    raise RuntimeError("as it should")
"""


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    app = folder / "code" / "billing"
    app.mkdir(parents=True)
    (app / "__init__.py").touch()
    (app / "jobs.py").write_text(JOBS, encoding="utf-8")
    (folder / "code" / "billing_settings.py").write_text(SETTINGS)
    settings = {
        "DJANGO_SETTINGS_MODULE": "billing_settings",
        "PYTHONPATH": os.pathsep.join([str(folder / "code"), *(part for part in sys.path if part)]),
    }
    with Cluster(folder / "c", [], workers=2, settings=settings) as cluster:
        yield cluster


def test_functions_run_and_their_jobs_were_made_by_one_worker(cluster: Cluster, folder: Path):
    def states(name: str) -> list[str]:
        return [run.state for run in cluster.runs(name)]

    cluster.wait_until(lambda: states("billing.note").count("SUCCEEDED") >= 2, "two notes")
    cluster.wait_until(lambda: "FAILED" in states("billing.broken"), "a failure")
    noted = (folder / "code" / "billing" / "noted").read_text(encoding="utf-8")
    assert noted.splitlines()[0] == "月次 {'a': [True]}"
    logs = [path for path in cluster.layout.run_logs.rglob("*.log") if "broken" in str(path)]
    assert any("RuntimeError: as it should" in path.read_text() for path in logs)
    with psycopg.connect(cluster.dsn) as connection:
        made = connection.execute(
            "SELECT count(*) FROM scheduler_admin_action WHERE action = 'jobs_applied'"
        ).fetchone()
    assert made == (1,)
