"""What holds for every assignment, whatever the runs and the workers."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.values import Reason
from tests.unit.domain.builders import decide, place, waiting

runs_strategy = st.lists(
    st.builds(
        waiting,
        st.integers(1, 10**6),
        priority=st.integers(-2, 2),
        queue=st.sampled_from(["default", "gpu", "none"]),
        required_labels=st.sampled_from([{}, {"zone": "a"}, {"zone": "b"}]),
        concurrency_policy=st.sampled_from(["allow", "forbid", "replace"]),
    ),
    max_size=30,
    unique_by=lambda run: run.run_id,
)
workers_strategy = st.lists(
    st.builds(
        place,
        st.sampled_from([f"w-{n}" for n in range(6)]),
        queues=st.sampled_from([frozenset({"default"}), frozenset({"default", "gpu"})]),
        labels=st.sampled_from([{}, {"zone": "a"}]),
        capacity=st.integers(0, 5),
        open_runs=st.integers(0, 6),
        is_leader=st.booleans(),
        unavailable=st.sampled_from(["", "", "draining"]),
    ),
    max_size=6,
    unique_by=lambda worker: worker.worker_id,
)


@given(runs_strategy, workers_strategy)
def test_every_run_gets_exactly_one_answer_and_no_worker_too_many(runs, workers):
    answer = decide(runs, workers)
    answered = [entry[0] for entry in (*answer.assigned, *answer.waiting, *answer.skipped)]
    assert sorted(answered) == sorted(run.run_id for run in runs)
    by_id = {worker.worker_id: worker for worker in workers}
    for worker_id, worker in by_id.items():
        given_runs = sum(1 for _run, chosen in answer.assigned if chosen == worker_id)
        assert given_runs == 0 or worker.open_runs + given_runs <= worker.capacity
        assert given_runs == 0 or not worker.unavailable


@given(runs_strategy, workers_strategy, st.randoms())
def test_the_answer_does_not_depend_on_the_order_of_the_question(runs, workers, shuffler):
    expected = decide(runs, workers)
    runs, workers = list(runs), list(workers)
    shuffler.shuffle(runs)
    shuffler.shuffle(workers)
    answer = decide(runs, workers)
    assert answer.assigned == expected.assigned
    assert [entry[:2] for entry in answer.waiting] == [entry[:2] for entry in expected.waiting]


@given(runs_strategy, workers_strategy)
def test_no_run_waits_for_capacity_beside_a_free_worker_that_would_do(runs, workers):
    answer = decide(runs, workers)
    waiting_for_place = {e[0] for e in answer.waiting if e[1] is Reason.WAIT_CAPACITY}
    load = {worker.worker_id: worker.open_runs for worker in workers}
    for _run, chosen in answer.assigned:
        load[chosen] += 1
    alone = not any(not w.is_leader and not w.unavailable for w in workers)
    for run in runs:
        if run.run_id in waiting_for_place:
            assert not [
                w
                for w in workers
                if not w.unavailable
                and (alone or not w.is_leader)
                and run.queue in w.queues
                and set(run.required_labels.items()) <= set(w.labels.items())
                and load[w.worker_id] < w.capacity
            ]
