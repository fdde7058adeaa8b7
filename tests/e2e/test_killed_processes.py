"""SIGKILL of each kind of process: nothing is lost, nothing is doubled, orphans are retried."""

import psutil
import pytest

from scheduler_demo.ledger import Run
from tests.e2e.cluster import LEASE_AND_MARGIN_SECONDS, Cluster

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


def later_attempt_succeeded(cluster: Cluster, run: Run) -> bool:
    return any(
        other.slot_key == run.slot_key and other.attempt > run.attempt
        for other in cluster.runs("work")
        if other.state == "SUCCEEDED"
    )


def state_of(cluster: Cluster, run: Run) -> str:
    return next(row.state for row in cluster.runs("work") if row.id == run.id)


def test_a_killed_leader_is_succeeded_soon(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.kill()
    successor = cluster.wait_for_new_leader(epoch)
    assert successor.number != leader.number
    cluster.wait_for_starts(2, epoch_after=epoch)
    cluster.assert_all_slots_ran_once()


def test_a_killed_subleader_is_replaced_and_the_leader_stays(cluster):
    subleader, epoch = cluster.the_subleader(), cluster.epoch
    subleader.kill()
    cluster.wait_until(lambda: cluster.subleader() not in (None, subleader), "another SubLeader")
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_runs_of_a_killed_worker_are_orphaned_and_tried_again(cluster):
    epoch, (worker, run) = cluster.epoch, cluster.wait_for_work()
    worker.kill()
    cluster.wait_until(lambda: state_of(cluster, run) == "ORPHANED", "an orphaned run")
    cluster.wait_until(lambda: later_attempt_succeeded(cluster, run), "a later attempt")
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_no_process_of_a_killed_worker_lives_on(cluster):
    worker, _run = cluster.wait_for_work()
    family = psutil.Process(worker.pid).children(recursive=True)
    assert family
    worker.kill()
    _gone, alive = psutil.wait_procs(family, timeout=LEASE_AND_MARGIN_SECONDS)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    cluster.assert_all_slots_ran_once()


def test_a_killed_fork_server_is_replaced_and_its_runs_tried_again(cluster):
    worker, run = cluster.wait_for_work()
    cluster.fork_server_of(worker).kill()
    cluster.wait_until(lambda: later_attempt_succeeded(cluster, run), "a later attempt")
    old = {row.id for row in cluster.runs() if row.started_at is not None}
    cluster.wait_until(
        lambda: any(
            row.id not in old and row.worker_id == run.worker_id and row.state == "SUCCEEDED"
            for row in cluster.runs()
        ),
        "new runs of the same worker",
    )
    assert worker.running
    cluster.assert_all_slots_ran_once()


def test_a_stopped_leader_is_succeeded_and_writes_nothing_when_it_wakes(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.suspend()
    cluster.wait_for_new_leader(epoch)
    cluster.wait_for_starts(2, epoch_after=epoch)
    newest = cluster.epoch
    leader.resume()
    cluster.wait_for_starts(3, epoch_after=epoch)
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == newest


def test_a_stopped_worker_loses_its_runs_in_time_and_comes_back_under_a_new_name(cluster):
    worker, run = cluster.wait_for_work()
    worker.suspend()
    cluster.wait_until(lambda: later_attempt_succeeded(cluster, run), "a later attempt")
    worker.resume()
    cluster.wait_until(
        lambda: cluster.is_live(worker) and cluster.worker_id(worker) != run.worker_id,
        "the worker's return",
    )
    cluster.assert_all_slots_ran_once()
