"""One cluster for the tests of a module; each finds it whole and leaves it to be mended."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, every, job
from tests.e2e.recovery import Stopwatch

# Work that is under way most of the time, and a pulse beside it.
JOBS = [
    job("pulse", "noop", every(2)),
    job(
        "work",
        "sample_long",
        every(1),
        default_args_json=["--seconds", "2.5"],
        max_attempts=5,
        backoff_seconds=0.2,
    ),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path: those of Unix sockets are limited."""
    folder = Path(tempfile.mkdtemp(prefix="scheduler-e2e-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shared_cluster(folder: Path) -> Iterator[Cluster]:
    """Three workers over PostgreSQL and Valkey."""
    with Cluster(folder, JOBS) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The shared cluster with all its workers up, roles filled, and a new window to audit."""
    shared_cluster.mend()
    shared_cluster.begin_window()
    return shared_cluster


@pytest.fixture
def watch(capsys: pytest.CaptureFixture[str]) -> Stopwatch:
    """A stopwatch whose figures are seen in every run, passed tests' too."""

    def show(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", flush=True)

    return Stopwatch(show)
