"""PostgreSQL fails over to an asynchronous standby that lacks the last seconds.

The primary is killed with claims, results, plans and retries committed that never reached the
standby: whole runs, from their planning to their end, are known to nobody but the workers.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import every, job
from tests.e2e.replicated import ReplicatedCluster

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

LOST_SECONDS = 5.0
JOBS = [
    job("pulse", "noop", every(1)),
    job(
        "work",
        "sample_long",
        every(1),
        default_args_json=["--seconds", "2.5"],
        max_attempts=5,
        backoff_seconds=0.2,
    ),
    job("longer", "sample_long", every(6), default_args_json=["--seconds", "20"], max_attempts=5),
]


@pytest.fixture
def cluster() -> Iterator[ReplicatedCluster]:
    """Three workers over a primary and a standby."""
    folder = Path(tempfile.mkdtemp(prefix="scheduler-e2e-"))
    with ReplicatedCluster(folder, JOBS, workers=3) as cluster:
        yield cluster
    shutil.rmtree(folder, ignore_errors=True)


def test_a_fail_over_that_loses_commits_loses_and_doubles_no_slot(cluster):
    cluster.wait_for_starts(6)
    cluster.postgres.restart()
    cluster.wait_for_starts(6)
    assert cluster.said("journal_replayed") == [], "a restart is no fail-over"
    assert cluster.said("replay_awaited") == []

    epoch = cluster.epoch
    cluster.cut_replication()
    time.sleep(LOST_SECONDS)
    before = {run.id: run.state for run in cluster.runs()}
    cluster.fail_over()
    cluster.wait_until(
        lambda: len(cluster.said("journal_replayed")) >= len(cluster.workers), "all replays", 30.0
    )
    cluster.wait_for_starts(6, epoch_after=epoch, seconds=40.0)

    replays = cluster.said("journal_replayed")
    assert {replay["timeline"] for replay in replays} == {2}
    assert sum(replay["claims_lost"] for replay in replays) > 0
    assert sum(replay["results_lost"] for replay in replays) > 0
    cluster.audit(settle_seconds=60.0)
    after = {run.id: run.state for run in cluster.runs()}
    ended = {run for run, state in before.items() if state == "SUCCEEDED"}
    assert {after[run] for run in ended} == {"SUCCEEDED"}
    under_way = {run for run, state in before.items() if state == "RUNNING"}
    assert under_way
    assert {after[run] for run in under_way} == {"SUCCEEDED"}
    cluster.assert_all_slots_ran_once()
    assert set(cluster.ends_by_slot().values()) == {1}
