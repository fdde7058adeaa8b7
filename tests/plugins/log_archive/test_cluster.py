"""A real cluster with the archive: a killed worker, a lost disk, a restart, a store that stops."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from scheduler_demo.environment import archive_environment
from scheduler_demo.ledger import Run
from scheduler_demo.seaweed import EmbeddedSeaweed
from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

JOBS = [
    job("work", "sample_long", every(1), default_args_json=["--seconds", "4"]),
    job("pulse", "noop", every(1)),
]
# As the API reads it, in a process that is no worker.
READ = """
import sys
from uuid import UUID
import django
django.setup()
from scheduler.bootstrap.run_log_reader import read_run_log
from scheduler.plugin_api.logs import configure_logging
from scheduler.queries.in_force import core_settings
from scheduler.queries.plugins import log_archive
configure_logging(format="console", level="error")
piece = read_run_log(UUID(sys.argv[1]), 0, 1 << 18, core_settings(), log_archive)
sys.stdout.buffer.write(piece.data)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path: those of Unix sockets are limited."""
    folder = Path(tempfile.mkdtemp(prefix="scheduler-e2e-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def own_store(folder: Path) -> Iterator[EmbeddedSeaweed]:
    with EmbeddedSeaweed(folder / "seaweed") as server:
        yield server
        server.kill()


@pytest.fixture(scope="module")
def shared_cluster(folder: Path, own_store: EmbeddedSeaweed) -> Iterator[Cluster]:
    settings = {
        **archive_environment(own_store),
        "SCHEDULER_LOG_ARCHIVE_CHUNK_SECONDS": "0.5",
        "SCHEDULER_LOG_ARCHIVE_TIMEOUT_SECONDS": "2",
    }
    with Cluster(folder / "cluster", JOBS, workers=2, settings=settings) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """One for both tests, each finds it well: it takes longer to begin and to end than they do.
    The test that kills comes last, since the other one wants no complaints."""
    shared_cluster.mend()
    return shared_cluster


def read_log(cluster: Cluster, run_id: UUID) -> str:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(run_id)],
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def archived(cluster: Cluster) -> set[UUID]:
    """The ended runs whose log is at an address."""
    with psycopg.connect(cluster.dsn) as line:
        rows = line.execute(
            "SELECT run_id FROM scheduler_job_run_detail WHERE log_ref LIKE 'http%'"
        )
        return {row[0] for row in rows}


def of_job(cluster: Cluster, name: str, state: str) -> list[Run]:
    return [run for run in cluster.runs(name) if run.state == state]


def test_no_run_waits_for_a_store_that_is_down_and_all_logs_are_there_afterwards(
    cluster, own_store
):
    cluster.wait_until(lambda: bool(archived(cluster)), "a first log archived")
    own_store.kill()
    before = len(of_job(cluster, "pulse", "SUCCEEDED"))
    cluster.begin_window()
    cluster.wait_until(
        lambda: len(of_job(cluster, "pulse", "SUCCEEDED")) > before + 8, "runs go on"
    )
    missed = {run.id for run in of_job(cluster, "pulse", "SUCCEEDED")} - archived(cluster)
    assert len(missed) > 7
    own_store.start()
    cluster.assert_all_slots_ran_once()
    cluster.wait_until(lambda: missed <= archived(cluster), "what waited is archived", 120.0)
    assert not [event for worker in cluster.workers for event in worker.complaints()]
    newest = max(missed)
    logs = cluster.layout.run_logs
    cluster.wait_until(lambda: not list(logs.glob(f"*/*/{newest}.log")), "its file deleted")


def test_the_log_of_a_killed_worker_whose_disk_is_gone_reads_up_to_the_last_chunk(cluster):
    def log_of(run: Run) -> Path:
        return next(cluster.layout.run_logs.glob(f"*/*/{run.id}.log"), Path("/nowhere"))

    def has_printed(run: Run) -> bool:
        return log_of(run).exists() and "step 2" in log_of(run).read_text()

    with cluster.work_held(has_printed) as run:
        mark = cluster.layout.run_logs / ".archive" / f"{run.id}.sent"
        printed = log_of(run).read_bytes()
        cluster.wait_until(
            lambda: mark.exists() and json.loads(mark.read_text())["bytes"] >= len(printed),
            "the steps uploaded",
        )
        worker = next(one for one in cluster.workers if cluster.worker_id(one) == run.worker_id)
        worker.kill()
    shutil.rmtree(cluster.layout.run_logs)
    text = read_log(cluster, run.id)
    assert text.startswith("step 1 of 4\nstep 2 of 4\n"), text
