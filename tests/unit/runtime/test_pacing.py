"""While runs end one after another, results and starts go in batches; one alone never waits."""

from tests.unit.runtime.test_agent import exited
from tests.unit.runtime.worlds import OneWorker, order


def busy_worker(capacity, running):
    worker = OneWorker(capacity=capacity)
    runs = [order() for _ in range(running)]
    worker.offer(*runs)
    worker.tick()
    return worker, runs


def finished(worker):
    return [result.run_id for result in worker.store.finished]


def test_a_run_that_ends_alone_is_reported_at_once():
    worker, (first, _) = busy_worker(capacity=8, running=2)
    worker.agent.happened([exited(first.run_id)])
    worker.tick(1.0)
    assert finished(worker) == [first.run_id]


def test_runs_that_end_right_after_each_other_are_reported_together():
    worker, (first, second, third, _) = busy_worker(capacity=8, running=4)
    worker.agent.happened([exited(first.run_id)])
    worker.tick(1.0)
    worker.agent.happened([exited(second.run_id)])
    wake = worker.tick(0.01)
    worker.agent.happened([exited(third.run_id)])
    worker.tick(0.01)
    assert finished(worker) == [first.run_id]
    worker.tick(wake - worker.clock.at)
    assert finished(worker) == [first.run_id, second.run_id, third.run_id]


def test_the_last_run_of_a_worker_is_reported_at_once():
    worker, (first, second) = busy_worker(capacity=8, running=2)
    worker.agent.happened([exited(first.run_id)])
    worker.tick(1.0)
    worker.agent.happened([exited(second.run_id)])
    worker.tick(0.01)
    assert finished(worker) == [first.run_id, second.run_id]


def test_what_was_handed_over_when_due_waits_for_a_place_and_starts_when_one_is_free():
    worker, (first,) = busy_worker(capacity=1, running=1)
    waiting = order()
    worker.offer(waiting)
    worker.tick(0.01)
    assert worker.store.given_back == []
    worker.agent.happened([exited(first.run_id)])
    worker.tick(0.01)
    assert [spec.run_id for spec in worker.host.launched] == [first.run_id, waiting.run_id]


def test_what_finds_no_place_for_half_a_second_goes_back_to_the_leader():
    worker, _ = busy_worker(capacity=1, running=1)
    waiting = order()
    worker.offer(waiting)
    wake = worker.tick(0.01)
    assert wake - worker.clock.at > 0.4
    worker.tick(wake - worker.clock.at)
    assert worker.store.given_back == [waiting.run_id]


def test_places_that_get_free_one_after_another_are_taken_together():
    worker, runs = busy_worker(capacity=4, running=4)
    waiting = [order(), order()]
    worker.offer(*waiting)
    worker.tick(0.01)
    worker.agent.happened([exited(runs[0].run_id)])
    worker.tick(0.01)
    assert len(worker.host.launched) == 4
    worker.agent.happened([exited(runs[1].run_id)])
    worker.tick(0.01)
    assert len(worker.host.launched) == 6


def test_a_single_free_place_is_taken_a_tenth_of_a_second_after_the_last_start():
    worker, runs = busy_worker(capacity=4, running=4)
    waiting = order()
    worker.offer(waiting)
    worker.tick(0.01)
    worker.agent.happened([exited(runs[0].run_id)])
    wake = worker.tick(0.01)
    assert wake - 1000.0 < 0.11
    worker.tick(wake - worker.clock.at)
    assert worker.host.launched[-1].run_id == waiting.run_id


def test_what_comes_due_while_others_wait_for_places_starts_at_once():
    worker, runs = busy_worker(capacity=8, running=7)
    worker.agent.happened([exited(runs[0].run_id)])
    worker.tick(1.0)
    fresh = order()
    worker.offer(fresh)
    worker.tick(0.01)
    assert worker.host.launched[-1].run_id == fresh.run_id
