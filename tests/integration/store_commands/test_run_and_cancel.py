import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest
from django.db import connection

from scheduler.domain.values import Reason, RunState
from scheduler.models import RunRequest
from scheduler.store.connections import database_from_url
from tests.contract.store.world import World, new_run, result
from tests.integration.store_commands.conftest import Call, Told

DEADLINE_SECONDS = 10.0


class Cluster:
    """A thread that plays leader and worker: takes each request and ends its runs as told."""

    def __init__(self, dsn: str, outcomes: list[RunState]) -> None:
        self._dsn, self._outcomes = dsn, outcomes
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._play)

    def stop(self) -> None:
        self._stop.set()
        self._done.result(DEADLINE_SECONDS)
        self._pool.shutdown()

    def _play(self) -> None:
        world = World(database_from_url(self._dsn, worker_id="w-1"))
        world.worker("w-1")
        world.elect("w-1")
        while not self._stop.wait(0.02):
            self._turn(world)
        world.close()

    def _turn(self, world: World) -> None:
        world.cluster.renew(world.fence)
        for row in world.leader.unhandled_requests(10):
            run = new_run(row.definition_id, slot_key=row.slot_key)
            world.leader.record_requests(world.fence, [(row.request_id, run)])
        world.leader.cancel_waiting(world.fence)
        world.leader.spawn_retries(world.fence, 10)
        if self._outcomes:
            for waiting in world.leader.waiting(world.now(), 10, heads=10):
                self._end(world, waiting.run_id)

    def _end(self, world: World, run: UUID) -> None:
        token = world.start([run])[run]
        state = self._outcomes.pop(0)
        retry = 0.0 if self._outcomes else None
        code = 0 if state is RunState.SUCCEEDED else 3
        done = result(run, token, state, exit_code=code, retry_delay_seconds=retry)
        world.workers.finish("w-1", [done])


@pytest.fixture
def cluster(django_sqlite) -> Iterator[Callable[..., None]]:
    """Start a cluster whose runs end in the given states, one after another."""
    started: list[Cluster] = []
    yield lambda *outcomes: started.append(Cluster(django_sqlite.dsn, list(outcomes)))
    for one in started:
        one.stop()


def in_background(call: Call, *args: str) -> Future[Told]:
    def run() -> Told:
        try:
            return call(*args)
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    return future


def run_of(world: World, name: str) -> UUID:
    deadline = monotonic() + DEADLINE_SECONDS
    while monotonic() < deadline:
        found = RunRequest.objects.filter(definition__name=name, run_id__isnull=False).first()
        if found is not None and found.run_id is not None:
            return found.run_id
        sleep(0.02)
    pytest.fail("the request was not taken")


class TestRun:
    def test_asks_and_returns(self, led: World, call: Call):
        led.define()
        told = call("scheduler_run", "report", "--args", '{"day": 1}')
        assert told.code == 0
        (row,) = led.leader.unhandled_requests(10)
        assert str(row.request_id) in told.out
        assert row.args == {"day": 1}

    def test_with_wait_tells_the_outcome(self, world: World, call: Call, cluster):
        world.define()
        cluster(RunState.SUCCEEDED)
        told = call("scheduler_run", "report", "--wait", "--timeout", "10")
        assert told.code == 0
        assert "SUCCEEDED, exit code 0" in told.out

    def test_with_wait_waits_for_the_retries(self, world: World, call: Call, cluster):
        world.define()
        cluster(RunState.FAILED, RunState.SUCCEEDED)
        told = call("scheduler_run", "report", "--wait", "--timeout", "10")
        assert told.code == 0
        assert "attempt 2: SUCCEEDED" in told.out

    def test_that_fails_exits_with_1(self, world: World, call: Call, cluster):
        world.define()
        cluster(RunState.FAILED)
        told = call("scheduler_run", "report", "--wait", "--timeout", "10")
        assert told.code == 1
        assert "FAILED, exit code 3" in told.out
        assert "report ended FAILED" in told.err

    def test_that_nobody_takes_is_told_so(self, world: World, call: Call, monkeypatch):
        monkeypatch.setattr("scheduler.management.watching.NOBODY_SECONDS", 0.0)
        world.define()
        told = call("scheduler_run", "report", "--wait", "--timeout", "0.3")
        assert told.code == 1
        assert "No leader takes the request" in told.out
        assert "after 0.3 s the leader has not taken the request yet" in told.err

    def test_of_an_unknown_job_names_the_nearest(self, led: World, call: Call):
        led.define()
        told = call("scheduler_run", "reprot")
        assert told.code == 2
        assert "did you mean 'report'?" in told.err

    @pytest.mark.parametrize("args", ["{day: 1}", "1", '"text"'])
    def test_with_bad_arguments_asks_for_nothing(self, led: World, call: Call, args: str):
        led.define()
        told = call("scheduler_run", "report", "--args", args)
        assert told.code == 2
        assert "JSON" in told.err
        assert led.leader.unhandled_requests(10) == []


class TestCancel:
    def test_asks_and_returns(self, led: World, call: Call):
        (run,) = led.plan(led.define())
        assert call("scheduler_cancel", str(run)).code == 0
        assert led.leader.cancel_waiting(led.fence) == [run]

    def test_with_wait_tells_that_it_is_canceled(self, world: World, call: Call, cluster):
        world.define()
        cluster()
        call("scheduler_run", "report")
        run = run_of(world, "report")
        told = call("scheduler_cancel", str(run), "--wait", "--timeout", "10")
        assert told.code == 0
        assert "CANCELED (CANCELED_BY_REQUEST)" in told.out

    def test_that_came_too_late_exits_with_1(self, led: World, call: Call):
        (run,) = led.plan(led.define())
        token = led.start([run])[run]
        told = in_background(call, "scheduler_cancel", str(run), "--wait", "--timeout", "10")
        deadline = monotonic() + DEADLINE_SECONDS
        while monotonic() < deadline and not led.workers.mine("w-1")[0].cancel_requested:
            sleep(0.02)
        led.workers.finish("w-1", [result(run, token)])
        assert told.result(DEADLINE_SECONDS).code == 1
        assert "came too late: SUCCEEDED" in told.result().err

    def test_of_a_run_that_has_ended_says_how(self, led: World, call: Call):
        (run,) = led.plan(led.define())
        led.leader.skip(led.fence, [(run, Reason.SKIP_LATE, "")])
        told = call("scheduler_cancel", str(run))
        assert told.code == 1
        assert "ended already: SKIPPED" in told.err

    @pytest.mark.parametrize("run_id", ["nonsense", str(uuid4())])
    def test_of_what_is_no_run_is_bad_input(self, led: World, call: Call, run_id: str):
        told = call("scheduler_cancel", run_id)
        assert told.code == 2
        assert run_id in told.err
