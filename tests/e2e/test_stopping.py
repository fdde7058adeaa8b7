"""SIGTERM: hand over, finish what runs, leave. A second one does not wait."""

import time

import pytest

from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]


def under_way_on(cluster, worker):
    name = cluster.worker_id(worker)
    return [r for r in cluster.runs("work") if r.state == "RUNNING" and r.worker_id == name]


def taken_back(cluster):
    """How often an assignment was taken back."""
    events = [event["event"] for worker in cluster.workers for event in worker.events()]
    return events.count("run_unassigned") + events.count("run_given_back")


def test_a_terminated_worker_finishes_its_runs_and_leaves(cluster):
    epoch, (worker, _run) = cluster.epoch, cluster.wait_for_work()
    before = taken_back(cluster)
    run_ids = {run.id for run in under_way_on(cluster, worker)}
    lease = cluster.lease_of(worker)
    worker.terminate()
    assert worker.process.wait(60) == 0
    states = {run.state for run in cluster.runs("work") if run.id in run_ids}
    assert states == {"SUCCEEDED"}
    left = next(x for x in cluster.ledger.leases() if x.worker_id == lease.worker_id)
    assert left.state == "LEFT"
    # What it held goes back once, and the leader hands it nothing more.
    assert taken_back(cluster) - before < 10
    cluster.assert_all_slots_ran_once()
    assert cluster.epoch == epoch


def test_a_terminated_leader_hands_over_at_once(cluster):
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.terminate()
    successor = cluster.wait_for_new_leader(epoch)
    assert successor.number != leader.number
    begun = [e for e in successor.events() if e.get("event") == "leadership_established"]
    assert begun[-1]["cause"] == "released"
    assert leader.process.wait(60) == 0
    cluster.wait_for_starts(2, epoch_after=epoch)
    cluster.assert_all_slots_ran_once()


def test_a_worker_terminated_twice_does_not_wait_and_its_runs_are_tried_again(cluster):
    worker, run = cluster.wait_for_work()
    worker.terminate()
    time.sleep(0.3)
    worker.terminate()
    assert worker.process.wait(60) == 0
    cluster.wait_until(
        lambda: any(
            other.slot_key == run.slot_key and other.attempt > run.attempt
            for other in cluster.runs("work")
            if other.state == "SUCCEEDED"
        ),
        "a later attempt",
    )
    cluster.assert_all_slots_ran_once()


def test_all_workers_stopped_for_a_while_leave_no_gap_in_the_ledger(folder):
    with Cluster(folder / "gap", [job("pulse", "noop", every(1))], workers=2) as cluster:
        cluster.wait_for_starts(2)
        cluster.stop_workers()
        assert not any(worker.running for worker in cluster.workers)
        time.sleep(4)
        for worker in cluster.workers:
            worker.start()
        cluster.wait_for_starts(2)
        cluster.assert_all_slots_ran_once()
