"""Real workers and jobs that follow others: once for each slot, whoever dies in between."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_demo.ledger import Run
from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

WORK_SECONDS = 2.0
ALWAYS_FAILS = {
    "default_args_json": ["--succeed-at", "0"],
    "max_attempts": 2,
    "backoff_seconds": 0.2,
}


def after(name: str, *upstreams: object, **fields: object) -> dict[str, object]:
    return job(name, "noop", None, after=list(upstreams), **fields)


JOBS = [
    job("first", "noop", every(2)),
    after("second", "first"),
    after("third", "second"),
    job("with-a-plan", "noop", every(2), after=["first"]),
    job(
        "stubborn",
        "sample_failing",
        every(4),
        default_args_json=["--succeed-at", "2"],
        max_attempts=3,
        backoff_seconds=0.2,
    ),
    after("after-stubborn", "stubborn"),
    job("broken", "sample_failing", every(4), **ALWAYS_FAILS),
    *(
        after(f"{policy}s", {"upstream": "broken", "on_failure": policy})
        for policy in ("skip", "wait", "run")
    ),
    after("after-skips", "skips"),
    job("work", "sample_long", every(6), default_args_json=["--seconds", str(WORK_SECONDS)]),
    after("after-work", "work"),
]


@pytest.fixture(scope="module")
def shared_cluster(folder: Path) -> Iterator[Cluster]:
    """Three workers over PostgreSQL and Valkey, with jobs that follow others."""
    with Cluster(folder, JOBS) as cluster:
        yield cluster


def slots(cluster: Cluster, name: str, *states: str) -> list[Run]:
    """Rows of a job in these states, of the window."""
    rows = [run for run in cluster.runs(name) if run.scheduled_for > cluster.began]
    return [run for run in rows if run.state in states]


def root(run: Run) -> str:
    return run.slot_key.removeprefix("d:")


def roots(cluster: Cluster, name: str, *states: str) -> set[str]:
    """The slots of a job that are in one of these states."""
    return {root(run) for run in slots(cluster, name, *states)}


def assert_each_has(cluster: Cluster, wanted: set[str], name: str, state: str) -> None:
    """In time each of these slots has exactly one row of the follower, in this state."""
    assert wanted
    cluster.wait_until(lambda: wanted <= roots(cluster, name, state), f"{name} {state}")
    rows = [root(run) for run in cluster.runs(name) if run.attempt == 1]
    assert len(rows) == len(set(rows))


def assert_followed_once(cluster: Cluster, upstream: str, name: str) -> None:
    """Each slot that succeeded has one run of the follower, which succeeds too, and no other."""
    assert_each_has(cluster, roots(cluster, upstream, "SUCCEEDED"), name, "SUCCEEDED")
    followed = roots(cluster, name, "SUCCEEDED")
    assert followed <= roots(cluster, upstream, "SUCCEEDED")
    begun = [mark.scheduled_for for mark in cluster.marks("start", job=name)]
    assert len(begun) == len(set(begun))


def settle(cluster: Cluster) -> None:
    """Until all that can end has ended, and was run once. What waits for ever by its policy is
    covered, though late."""
    cluster.assert_all_slots_ran_once()


def test_a_chain_of_three_runs_once_for_each_slot(cluster):
    cluster.wait_until(lambda: len(slots(cluster, "third", "SUCCEEDED")) >= 3, "chains", 40.0)
    settle(cluster)
    assert_followed_once(cluster, "first", "second")
    assert_followed_once(cluster, "second", "third")
    assert_followed_once(cluster, "first", "with-a-plan")


def test_a_slot_that_succeeds_at_its_second_attempt_is_followed(cluster):
    cluster.wait_until(
        lambda: len(slots(cluster, "after-stubborn", "SUCCEEDED")) >= 2, "followers", 40.0
    )
    settle(cluster)
    assert_followed_once(cluster, "stubborn", "after-stubborn")


def test_a_failing_upstream_skips_holds_or_lets_run_by_policy(cluster):
    cluster.wait_until(lambda: len(slots(cluster, "broken", "FAILED")) >= 4, "failures", 40.0)
    cluster.wait_until(lambda: bool(slots(cluster, "after-skips", "SKIPPED")), "a skip", 20.0)
    settle(cluster)
    failed = roots(cluster, "broken", "FAILED")
    assert_each_has(cluster, failed, "skips", "SKIPPED")
    assert_each_has(cluster, failed, "after-skips", "SKIPPED")
    assert_each_has(cluster, failed, "runs", "SUCCEEDED")
    assert_each_has(cluster, failed, "waits", "PENDING")
    reasons = {run.reason for run in slots(cluster, "waits", "PENDING") if root(run) in failed}
    assert reasons == {"WAIT_UPSTREAM"}


def test_a_leader_that_dies_between_an_end_and_what_follows_it_loses_and_doubles_nothing(cluster):
    known = {run.id for run in cluster.runs("work")}

    def under_way() -> list[Run]:
        return [run for run in slots(cluster, "work", "RUNNING") if run.id not in known]

    cluster.wait_until(lambda: bool(under_way()), "work under way", 30.0)
    (run,) = under_way()[:1]
    leader, epoch = cluster.the_leader(), cluster.epoch
    time.sleep(WORK_SECONDS * 0.6)
    leader.suspend()
    ended = lambda: run.id in {r.id for r in slots(cluster, "work", "SUCCEEDED")}  # noqa: E731
    cluster.wait_until(ended, "the end of the work", 10.0)
    followed = [root(each) for each in cluster.runs("after-work")]
    if cluster.epoch == epoch:
        assert root(run) not in followed
    leader.kill()
    cluster.wait_for_new_leader(epoch)
    cluster.wait_until(
        lambda: root(run) in {root(r) for r in slots(cluster, "after-work", "SUCCEEDED")},
        "a run that follows",
        20.0,
    )
    leader.start()
    settle(cluster)
    assert_followed_once(cluster, "work", "after-work")
    assert_followed_once(cluster, "first", "second")
