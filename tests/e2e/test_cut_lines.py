"""A worker cut off from the database, from Redis, or from both: silence, not refusal."""

import time

import pytest

from tests.e2e.cluster import LEASE_AND_MARGIN_SECONDS, Cluster
from tests.e2e.conftest import JOBS

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


@pytest.fixture(scope="module")
def shared_cluster(folder):
    with Cluster(folder / "lines", JOBS, lines=True) as cluster:
        yield cluster


def test_a_subleader_cut_off_from_both_takes_nothing_over(cluster):
    subleader, epoch = cluster.the_subleader(), cluster.epoch
    cluster.cut(subleader, rdb=True, redis=True)
    cluster.wait_for_starts(6)
    cluster.mend_lines()
    cluster.wait_for_starts(2)
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_a_leader_cut_off_from_redis_goes_on(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    cluster.cut(leader, redis=True)
    cluster.wait_for_starts(6)
    cluster.mend_lines()
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch
    assert cluster.the_leader().number == leader.number


def test_a_leader_cut_off_from_the_database_is_succeeded(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    cluster.cut(leader, rdb=True)
    successor = cluster.wait_for_new_leader(epoch)
    assert successor.number != leader.number
    cluster.wait_for_starts(2, epoch_after=epoch)
    newest = cluster.epoch
    cluster.mend_lines()
    cluster.wait_for_starts(2, epoch_after=epoch)
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == newest


def test_a_worker_cut_off_from_the_database_keeps_its_runs_by_the_leaders_pings(cluster):
    worker, run = cluster.wait_for_work()
    name = cluster.worker_id(worker)
    cluster.cut(worker, rdb=True)
    time.sleep(LEASE_AND_MARGIN_SECONDS + 1)
    assert cluster.worker_id(worker) == name
    cluster.mend_lines()
    cluster.assert_all_slots_ran_once()
    assert [row.state for row in cluster.runs("work") if row.id == run.id] == ["SUCCEEDED"]


def test_a_worker_cut_off_from_redis_works_on(cluster):
    worker = cluster.a_follower()
    name = cluster.worker_id(worker)
    cluster.cut(worker, redis=True)
    before = {run.id for run in cluster.runs() if run.worker_id == name}
    cluster.wait_until(
        lambda: any(
            run.worker_id == name and run.id not in before and run.state == "SUCCEEDED"
            for run in cluster.runs()
        ),
        "further runs of the worker",
    )
    cluster.mend_lines()
    cluster.assert_all_slots_ran_once()
