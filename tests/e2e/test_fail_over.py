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

from scheduler_demo.ledger import Run
from tests.e2e.cluster import every, job
from tests.e2e.replicated import ReplicatedCluster

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

LOST_SECONDS = 5.0
PAUSED_SECONDS = 6.0
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
    job("longer", "sample_long", every(6), default_args_json=["--seconds", "12"], max_attempts=5),
]


@pytest.fixture
def cluster() -> Iterator[ReplicatedCluster]:
    """Three workers over a primary and a standby."""
    folder = Path(tempfile.mkdtemp(prefix="scheduler-e2e-"))
    with ReplicatedCluster(folder, JOBS, workers=3) as cluster:
        cluster.wait_for_starts(6, seconds=60.0)
        yield cluster
    shutil.rmtree(folder, ignore_errors=True)


def lose_seconds(cluster: ReplicatedCluster) -> list[Run]:
    """Some seconds of work that only the primary knows; the runs as it knows them."""
    cluster.cut_replication()
    time.sleep(LOST_SECONDS)
    return cluster.runs()


def assert_nothing_was_lost_or_doubled(cluster: ReplicatedCluster, before: list[Run]) -> None:
    """``before`` are the runs as the lost primary knew them."""
    replays = cluster.said("journal_replayed")
    assert {replay["timeline"] for replay in replays} == {2}
    assert sum(replay["claims_lost"] for replay in replays) > 0
    assert sum(replay["results_lost"] for replay in replays) > 0
    cluster.audit(settle_seconds=120.0)
    after = {run.id: run.state for run in cluster.runs()}
    for state in ("SUCCEEDED", "RUNNING"):
        known = {run.id for run in before if run.state == state}
        assert {after.get(run_id) for run_id in known} == {"SUCCEEDED"}, state
    cluster.assert_all_slots_ran_once()
    assert set(cluster.ends_by_slot().values()) == {1}


def test_a_fail_over_that_loses_commits_loses_and_doubles_no_slot(cluster):
    epoch = cluster.epoch
    before = lose_seconds(cluster)
    cluster.fail_over()
    cluster.wait_for_starts(6, epoch_after=epoch, seconds=90.0)
    assert_nothing_was_lost_or_doubled(cluster, before)


def test_a_worker_paused_over_the_fail_over_is_awaited(cluster):
    epoch = cluster.epoch
    before = lose_seconds(cluster)
    paused = cluster.a_worker_with_runs()
    paused.suspend()
    cluster.fail_over()
    time.sleep(PAUSED_SECONDS)
    assert [mark for mark in cluster.marks("start") if mark.epoch > epoch] == []
    paused.resume()
    cluster.wait_for_starts(6, epoch_after=epoch, seconds=90.0)
    assert_nothing_was_lost_or_doubled(cluster, before)


def test_what_a_worker_had_done_that_died_with_the_primary_is_found_on_its_disk(cluster):
    epoch = cluster.epoch
    before = lose_seconds(cluster)
    dead = cluster.a_worker_with_runs()
    dead.kill()
    cluster.fail_over()
    dead.start()
    cluster.wait_for_starts(6, epoch_after=epoch, seconds=120.0)
    assert cluster.said("abandoned_journal_replayed")
    cluster.audit(settle_seconds=120.0)
    after = {run.id: run.state for run in cluster.runs()}
    ended = {run.id for run in before if run.state == "SUCCEEDED"}
    assert {after.get(run_id) for run_id in ended} == {"SUCCEEDED"}
    cluster.assert_all_slots_ran_once()
    assert set(cluster.ends_by_slot().values()) == {1}


def test_a_restart_is_no_fail_over(cluster):
    cluster.postgres.restart()
    cluster.wait_for_starts(6, seconds=90.0)
    assert cluster.said("journal_replayed") == []
    assert cluster.said("replay_awaited") == []
    cluster.assert_all_slots_ran_once()
