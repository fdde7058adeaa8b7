"""An event that was answered is never lost: SIGKILL of the web process, or of the leader, right
after the answer, and each matching job still has exactly one run of it."""

import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_demo.ledger import Run
from scheduler_demo.poster import NotAnswered, Promise, audit_events, post
from tests.e2e.cluster import Cluster, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

TOKEN = "a token of these tests alone"
NUMBER = {"number": "payload.number"}
JOBS = [
    job("ship", "sample_event", None, triggers=[{"event_type": "order.*", "args": NUMBER}]),
    job(
        "bill",
        "sample_event",
        None,
        triggers=[{"event_type": "order.placed", "args": NUMBER}],
        default_args_json={"fail_until": 2},
        max_attempts=2,
        backoff_seconds=0.2,
    ),
    job("refund", "sample_event", None, triggers=[{"event_type": "return.placed"}]),
]


@pytest.fixture(scope="module")
def shared_cluster(folder: Path) -> Iterator[Cluster]:
    """Three workers and a web process over PostgreSQL and Valkey."""
    settings = {"SCHEDULER_EVENTS_API_TOKEN": TOKEN, "SCHEDULER_MAX_JOBS_PER_WORKER": "16"}
    with Cluster(folder, JOBS, web_port=0, settings=settings) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Cluster:
    """The shared cluster, whole."""
    shared_cluster.mend()
    start_web(shared_cluster)
    return shared_cluster


def start_web(cluster: Cluster) -> None:
    assert cluster.web is not None
    if not cluster.web.running:
        cluster.web.start()
    cluster.wait_until(cluster.web.answers, "an answer of the web process")


def kill_web(cluster: Cluster) -> None:
    assert cluster.web is not None and cluster.web.process is not None
    cluster.web.process.stop(signal.SIGKILL)


def order(number: int, **fields: Any) -> dict[str, Any]:
    key = str(uuid.uuid4())
    return {"type": "order.placed", "dedupe_key": key, "payload": {"number": number}, **fields}


def send(cluster: Cluster, events: Any) -> list[Promise]:
    assert cluster.web is not None
    return post(cluster.web.port, TOKEN, events)


def runs_of(cluster: Cluster, promises: list[Promise]) -> list[Run]:
    slots = {f"e:{promise.event_id}" for promise in promises}
    return [run for run in cluster.runs() if run.slot_key in slots]


def assert_all_ran_once(cluster: Cluster, promises: list[Promise]) -> None:
    """Each event has one run of ``ship`` and one of ``bill``, which fails once and then succeeds;
    each attempt is one process."""
    assert all(set(promise.runs) == {"ship", "bill"} for promise in promises)

    def settled() -> bool:
        runs = runs_of(cluster, promises)
        return sum(run.state == "SUCCEEDED" for run in runs) == 2 * len(promises)

    cluster.wait_until(settled, "an end of all runs", 60.0)
    runs = runs_of(cluster, promises)
    found = audit_events(promises, runs)
    assert (found.lost, found.doubled, found.runs) == ((), (), 2 * len(promises))
    assert len(runs) == 3 * len(promises)
    starts = [mark.run_id for mark in cluster.marks("start")]
    assert sorted(starts.count(str(run.id)) for run in runs) == [1] * len(runs)
    assert cluster.marks("overlap") == []


def test_a_web_process_killed_after_its_answer_loses_no_event(cluster: Cluster):
    promises = [send(cluster, order(number))[0] for number in range(5)]
    promises += send(cluster, [order(number) for number in range(20)])
    kill_web(cluster)
    assert_all_ran_once(cluster, promises)


def test_a_leader_killed_after_the_answer_loses_no_event(cluster: Cluster):
    leader = cluster.the_leader()
    promises = send(cluster, [order(number) for number in range(20)])
    leader.kill()
    assert_all_ran_once(cluster, promises)


def test_web_process_and_leader_killed_at_once_lose_no_event(cluster: Cluster):
    leader = cluster.the_leader()
    promises = send(cluster, [order(number) for number in range(20)])
    kill_web(cluster)
    leader.kill()
    assert_all_ran_once(cluster, promises)


def test_events_taken_while_nobody_leads_run_when_somebody_does(cluster: Cluster):
    for worker in cluster.workers:
        worker.kill()
    promises = send(cluster, [order(number) for number in range(10)])
    time.sleep(0.5)
    assert runs_of(cluster, promises) == []
    cluster.mend()
    assert_all_ran_once(cluster, promises)


def test_callers_that_post_again_after_kills_under_way_have_each_event_once(cluster: Cluster):
    """The web process dies again and again in the midst of requests: whether one of those was
    taken nobody knows, so it is posted again under its key."""
    keys, promises = [f"again-{number}" for number in range(120)], {}

    def caller(mine: list[str]) -> None:
        for key in mine:
            while key not in promises:
                try:
                    (promises[key],) = send(cluster, order(1, dedupe_key=key))
                except NotAnswered:
                    time.sleep(0.05)

    callers = [threading.Thread(target=caller, args=(keys[start::4],)) for start in range(4)]
    for each in callers:
        each.start()
    for _ in range(3):
        time.sleep(0.4)
        kill_web(cluster)
        start_web(cluster)
    for each in callers:
        each.join(60.0)
    assert set(promises) == set(keys)
    assert len({promise.event_id for promise in promises.values()}) == len(keys)
    assert_all_ran_once(cluster, list(promises.values()))


def test_a_redis_that_is_away_makes_it_slower_only(cluster: Cluster):
    cluster.valkey.suspend()
    try:
        promises = send(cluster, [order(number) for number in range(5)])
        assert_all_ran_once(cluster, promises)
    finally:
        cluster.valkey.resume()
