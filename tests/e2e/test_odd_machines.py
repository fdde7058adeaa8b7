"""Clocks that are minutes apart, a full disk under the logs, and an hour without any worker."""

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.e2e.cluster import every, job
from tests.e2e.odd_machines import (
    FULL_QUEUE,
    FullDiskWorker,
    OddCluster,
    full_disks_can_be_had,
    wrong_clock_library,
)

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

OFFSETS = {1: 300, 2: -300}
ON_A_FULL_DISK = 3
JOBS = [
    job("pulse", "noop", every(1)),
    job("chatty", "sample_chatty", None, default_args_json=["--lines", "500"], queue=FULL_QUEUE),
]
STILL_ON_TIME_SECONDS = 300
POLICIES = ("skip", "run_once", "run_all")


def since_long(seconds):
    """A schedule each so many seconds, older than the hour that is missed."""
    anchor = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
    return {"kind": "interval", "seconds": seconds, "anchor": anchor.isoformat()}


MISSED = [
    *(job(f"missed.{name}", "noop", since_long(60), misfire_policy=name) for name in POLICIES),
    job("missed.many", "noop", since_long(10)),
]


@pytest.fixture(scope="module")
def shared_cluster(folder):
    disk = ON_A_FULL_DISK if full_disks_can_be_had(folder) else 0
    library = wrong_clock_library(folder)
    with OddCluster(
        folder / "odd", JOBS, clock_library=library, clock_offsets=OFFSETS, full_disk=disk
    ) as cluster:
        yield cluster


def lateness(cluster, number, since):
    """Seconds from due to start, by a clock that no worker moves, of the pulses that one worker
    started; ``since`` is a boottime."""
    ahead = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    ids = {x.worker_id for x in cluster.ledger.leases() if x.node_id == f"node-{number}"}
    mine = {str(run.id) for run in cluster.runs("pulse") if run.worker_id in ids}
    return [
        mark.boottime + ahead - datetime.fromisoformat(mark.scheduled_for).timestamp()
        for mark in cluster.marks("start", job="pulse")
        if mark.run_id in mine and mark.boottime > since and mark.attempt == 1
    ]


def assert_clock_is_wrong(cluster, number):
    """The runs of this worker see the wall clock that the test gave it."""
    apart = [m.clock - m.boottime for m in cluster.marks("start")]
    mine = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + OFFSETS[number]
    assert any(abs(seconds - mine) < 5 for seconds in apart)


def test_clocks_ten_minutes_apart_move_no_run(cluster, watch):
    if wrong_clock_library(cluster.layout.root) is None:
        pytest.skip("no C compiler: tests/unit/runtime/test_clock.py proves the rule")
    led, late = set(), []
    while not led >= set(OFFSETS):
        leader, epoch = cluster.the_leader(), cluster.epoch
        if leader.number in OFFSETS:
            since = time.clock_gettime(time.CLOCK_BOOTTIME)
            cluster.wait_for_starts(6, epoch_after=epoch - 1)
            late += [x for n in (1, 2, 3) for x in lateness(cluster, n, since)]
        led.add(leader.number)
        leader.kill()
        cluster.wait_for_new_leader(epoch)
        cluster.mend()
    for number in OFFSETS:
        assert_clock_is_wrong(cluster, number)
    watch.note(f"clocks 10 minutes apart -> runs start {max(late):.2f} s late at worst")
    assert min(late) > -0.5
    assert max(late) < 15
    cluster.assert_all_slots_ran_once()


def test_a_full_disk_under_the_logs_loses_output_and_no_outcome(cluster):
    worker = cluster.workers[ON_A_FULL_DISK - 1]
    if not isinstance(worker, FullDiskWorker):
        pytest.skip("this machine allows no mount in a user namespace")
    while cluster.the_leader().number == worker.number:
        worker.kill()
        cluster.mend()
    for _ in range(2):
        cluster.manage("scheduler_run", "chatty")
    cluster.wait_until(
        lambda: [r.state for r in cluster.runs("chatty")] == ["SUCCEEDED"] * 2, "both outcomes", 30
    )
    logs = worker.logs_as_it_sees_them()
    assert logs and all(log.stat().st_size == 0 for log in logs)
    cluster.assert_all_slots_ran_once()


def test_an_hour_without_workers_is_settled_by_each_misfire_policy(cluster, watch):
    cluster.stop_workers()
    cluster.define(MISSED)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with psycopg.connect(cluster.dsn) as connection:
        connection.execute(
            "UPDATE scheduler_job_definition SET schedule_since = %(then)s, planned_until ="
            " %(then)s, next_fire_at = %(then)s, edited_at = NULL WHERE name LIKE 'missed.%%'",
            {"then": an_hour_ago},
        )
    cluster.began = an_hour_ago
    watch.restart()
    started = datetime.now(UTC)
    for worker in cluster.workers:
        worker.start()
    cluster.wait_until(lambda: len(cluster.runs("missed.run_all")) > 50, "the missed slots", 60)
    findings = cluster.audit(settle_seconds=60)
    watch.say(f"an hour missed by {len(MISSED)} jobs -> each of {findings.due} slots has its end")
    assert findings.lost == () and findings.doubled == ()
    assert findings.due > 3 * 58 + 350
    # Between the first look of the planner and ours lie some seconds: leave them out.
    surely_missed = started - timedelta(seconds=STILL_ON_TIME_SECONDS)
    missed = {
        name: [r for r in cluster.runs(f"missed.{name}") if r.scheduled_for < surely_missed]
        for name in (*POLICIES, "many")
    }
    assert {(r.state, r.reason) for r in missed["skip"]} == {("SKIPPED", "MISFIRE_SKIPPED")}
    *older, newest = missed["run_once"]
    assert {(r.state, r.reason) for r in older} == {("SKIPPED", "MISFIRE_COALESCED")}
    assert newest.state == "SUCCEEDED" or newest.reason == "MISFIRE_COALESCED"
    assert [r.state for r in cluster.runs("missed.run_once")].count("SUCCEEDED") < 8
    assert {r.state for r in missed["run_all"]} == {"SUCCEEDED"}
    ranges = [r for r in missed["many"] if r.scheduled_until is not None]
    assert len(ranges) == 1 and ranges[0].scheduled_until > ranges[0].scheduled_for
    assert 95 <= len(missed["many"]) <= 101
