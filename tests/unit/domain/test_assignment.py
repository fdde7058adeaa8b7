"""Which worker gets which run, and why the others wait."""

from dataclasses import replace

import pytest

from scheduler.domain.assignment import worker_slots
from scheduler.domain.planning import slot_key
from scheduler.domain.values import DesiredMode, LeaseState, Reason
from tests.unit.domain.builders import (
    NOW,
    Active,
    Waiting,
    decide,
    place,
    run_id,
    seconds,
    waiting,
    worker_view,
)


def only(entries):
    (entry,) = entries
    return entry


# -------------------------------------------------------------------------------- who gets what


def test_the_least_loaded_worker_gets_the_run():
    answer = decide([waiting(1)], [place("w-1", open_runs=2), place("w-2", open_runs=1)])
    assert answer.assigned == [(run_id(1), "w-2")]


def test_load_is_the_share_of_capacity_not_the_count():
    workers = [place("w-small", capacity=2, open_runs=1), place("w-big", capacity=10, open_runs=3)]
    assert decide([waiting(1)], workers).assigned == [(run_id(1), "w-big")]


def test_runs_spread_over_equal_workers():
    answer = decide([waiting(n) for n in range(6)], [place("w-1"), place("w-2"), place("w-3")])
    per_worker = [worker for _run, worker in answer.assigned]
    assert sorted(per_worker) == ["w-1", "w-1", "w-2", "w-2", "w-3", "w-3"]


def test_the_highest_priority_gets_the_last_place():
    runs = [waiting(1, priority=0), waiting(2, priority=5)]
    answer = decide(runs, [place(capacity=1)])
    assert answer.assigned == [(run_id(2), "w-1")]
    assert only(answer.waiting)[:2] == (run_id(1), Reason.WAIT_CAPACITY)


def test_among_equal_priorities_the_longest_due_goes_first():
    earlier = NOW - seconds(9)
    runs = [waiting(1), waiting(2, due_at=earlier, scheduled_for=earlier)]
    assert decide(runs, [place(capacity=1)]).assigned == [(run_id(2), "w-1")]


def test_what_is_due_now_goes_before_what_catches_up():
    catch_up = waiting(1, scheduled_for=NOW - seconds(7200), due_at=NOW - seconds(5))
    answer = decide([catch_up, waiting(2)], [place(capacity=1)])
    assert answer.assigned == [(run_id(2), "w-1")]


def test_the_leader_takes_no_run_while_another_worker_is_there():
    workers = [place("w-1", is_leader=True), place("w-2", open_runs=3)]
    assert decide([waiting(1)], workers).assigned == [(run_id(1), "w-2")]


def test_the_leader_works_while_it_is_alone():
    assert decide([waiting(1)], [place(is_leader=True)]).assigned == [(run_id(1), "w-1")]


@pytest.mark.parametrize(
    "word", ["draining", "detached", "suspect", "unreachable", "not accepting runs"]
)
def test_the_leader_is_alone_when_the_others_take_no_runs(word):
    workers = [place("w-1", is_leader=True), place("w-2", unavailable=word)]
    assert decide([waiting(1)], workers).assigned == [(run_id(1), "w-1")]


def test_a_full_worker_does_not_make_the_leader_alone():
    workers = [place("w-1", is_leader=True), place("w-2", open_runs=4)]
    answer = decide([waiting(1)], workers)
    assert answer.assigned == []
    assert only(answer.waiting)[1] is Reason.WAIT_CAPACITY


def test_a_run_goes_only_to_a_worker_of_its_queue():
    workers = [place("w-1"), place("w-2", queues=frozenset({"default", "gpu"}), open_runs=3)]
    assert decide([waiting(1, queue="gpu")], workers).assigned == [(run_id(1), "w-2")]


def test_a_run_goes_only_to_a_worker_with_all_its_labels():
    workers = [
        place("w-1", labels={"zone": "a"}),
        place("w-2", labels={"zone": "a", "disk": "ssd", "extra": "x"}),
    ]
    run = waiting(1, required_labels={"zone": "a", "disk": "ssd"})
    assert decide([run], workers).assigned == [(run_id(1), "w-2")]


def test_different_requirements_share_one_count_of_each_workers_load():
    workers = [place("w-1", queues=frozenset({"default", "gpu"}), capacity=1)]
    answer = decide([waiting(1), waiting(2, queue="gpu")], workers)
    assert len(answer.assigned) == 1
    assert only(answer.waiting)[1] is Reason.WAIT_CAPACITY


def test_runs_of_different_queues_spread_together():
    both = frozenset({"default", "gpu"})
    runs = [waiting(1), waiting(2, queue="gpu"), waiting(3)]
    answer = decide(runs, [place("w-1", queues=both), place("w-2", queues=both)])
    assert answer.assigned == [(run_id(1), "w-1"), (run_id(2), "w-2"), (run_id(3), "w-1")]


# ---------------------------------------------------------------------------------------- why not


def reason(runs, workers, **policies):
    return only(decide(runs, workers, **policies).waiting)[1:]


def test_without_workers_the_reason_is_that_none_is_live():
    assert reason([waiting(1)], []) == (Reason.WAIT_NO_WORKER, "no worker is live")


def test_when_no_worker_takes_runs_each_is_named_with_its_state():
    workers = [place("w-1", unavailable="draining"), place("w-2", unavailable="suspect")]
    assert reason([waiting(1)], workers) == (
        Reason.WAIT_NO_WORKER,
        "no worker takes runs: w-1 is draining, w-2 is suspect",
    )


def test_a_long_list_of_workers_is_cut():
    workers = [place(f"w-{n}", unavailable="draining") for n in range(9)]
    assert reason([waiting(1)], workers)[1].endswith("w-2 is draining, 6 more")


def test_a_queue_that_nobody_serves_is_named():
    assert reason([waiting(1, queue="gpu")], [place()]) == (
        Reason.WAIT_NO_QUEUE,
        "no worker serves queue 'gpu'",
    )


def test_a_queue_that_only_a_draining_worker_serves_is_told():
    workers = [place(), place("w-2", queues=frozenset({"gpu"}), unavailable="draining")]
    assert reason([waiting(1, queue="gpu")], workers) == (
        Reason.WAIT_NO_QUEUE,
        "no worker that takes runs serves queue 'gpu': w-2 is draining",
    )


def test_a_queue_that_only_the_leader_serves_is_told():
    workers = [place(), place("w-2", queues=frozenset({"gpu"}), is_leader=True)]
    assert reason([waiting(1, queue="gpu")], workers)[1] == (
        "no worker that takes runs serves queue 'gpu': "
        "w-2 leads and takes runs only while it is alone"
    )


def test_the_label_that_is_missing_is_named():
    run = waiting(1, required_labels={"zone": "a", "gpu": "a100"})
    assert reason([run], [place(labels={"zone": "a"})]) == (
        Reason.WAIT_NO_LABEL,
        "no worker of queue 'default' has label gpu=a100",
    )


def test_labels_that_no_single_worker_has_together_are_named():
    run = waiting(1, required_labels={"zone": "a", "gpu": "a100"})
    workers = [place("w-1", labels={"zone": "a"}), place("w-2", labels={"gpu": "a100"})]
    assert reason([run], workers)[1] == (
        "no worker of queue 'default' has all of the labels gpu=a100, zone=a"
    )


def test_an_executor_that_nobody_has_is_named():
    assert reason([waiting(1, executor="http")], [place()]) == (
        Reason.WAIT_NO_CAPABILITY,
        "no worker that matches has executor 'http'",
    )


def test_full_workers_are_counted():
    assert reason([waiting(1)], [place(open_runs=4)]) == (
        Reason.WAIT_CAPACITY,
        "worker w-1 is full: 4 places taken",
    )
    two = [place("w-1", open_runs=4), place("w-2", open_runs=9)]
    assert reason([waiting(1)], two)[1] == "all 2 workers are full: 8 places taken"


def test_a_paused_cluster_starts_nothing():
    assert reason([waiting(1)], [place()], paused=True)[0] is Reason.WAIT_PAUSED


def test_a_quarantined_job_starts_nothing():
    assert reason([waiting(1, quarantined=True)], [place()])[0] is Reason.WAIT_QUARANTINED


# ---------------------------------------------------------------------------------------- too late


def on_time(number, late_by, **changes):
    slot = NOW - seconds(late_by)
    return waiting(number, slot_key=slot_key(slot), scheduled_for=slot, due_at=slot, **changes)


def test_a_run_that_waited_too_long_is_skipped_not_started():
    answer = decide([on_time(1, 300.5)], [place()])
    assert answer.assigned == []
    assert only(answer.skipped)[:2] == (run_id(1), Reason.SKIP_LATE)


def test_a_run_exactly_at_its_limit_still_starts():
    assert decide([on_time(1, 300)], [place()]).assigned == [(run_id(1), "w-1")]


def test_the_jobs_own_limit_goes_before_the_clusters():
    assert decide([on_time(1, 11, skip_late_after_seconds=10)], [place()]).skipped
    assert decide([on_time(1, 900, skip_late_after_seconds=1000)], [place()]).assigned


def test_a_paused_run_still_gets_its_outcome_in_the_end():
    assert decide([on_time(1, 301)], [place()], paused=True).skipped


@pytest.mark.parametrize(
    "changes",
    [
        {"due_at": NOW - seconds(400), "scheduled_for": NOW - seconds(9000)},
        {"attempt": 2, "due_at": NOW - seconds(400), "scheduled_for": NOW - seconds(400)},
        {"slot_key": "m:1", "due_at": NOW - seconds(400), "scheduled_for": NOW - seconds(400)},
        {"slot_key": "e:1", "due_at": NOW - seconds(400), "scheduled_for": NOW - seconds(400)},
        {"slot_key": "b:1:x", "due_at": NOW - seconds(400), "scheduled_for": NOW - seconds(400)},
    ],
    ids=["catch-up", "retry", "manual", "event", "backfill"],
)
def test_only_a_timed_slot_planned_in_time_can_be_too_late(changes):
    assert decide([waiting(1, **changes)], [place()]).assigned


# ------------------------------------------------------------------------------- ahead of time


def ahead(**changes):
    soon = NOW + seconds(3)
    return waiting(1, scheduled_for=soon, due_at=soon, **changes)


def test_a_run_due_soon_is_handed_out_ahead_where_nothing_can_hold_it():
    assert decide([ahead()], [place()]).assigned


def test_a_run_due_soon_goes_where_least_is_running():
    busy, idle = place("w-1", open_runs=3), place("w-2", open_runs=0)
    assert decide([ahead()], [busy, idle]).assigned == [(run_id(1), "w-2")]


def test_a_full_worker_is_handed_as_many_again_ahead_and_no_more():
    runs = [replace(ahead(), run_id=run_id(n), definition_id=n) for n in range(1, 4)]
    answer = decide(runs, [place(capacity=2, open_runs=2)])
    assert len(answer.assigned) == 2
    assert only(answer.waiting)[1] is Reason.WAIT_CAPACITY


@pytest.mark.parametrize(
    "changes",
    [{"concurrency_policy": "forbid"}, {"concurrency_policy": "replace"}, {"max_parallel": 2}],
)
def test_a_run_whose_policy_may_hold_it_is_decided_at_its_due_time(changes):
    answer = decide([ahead(**changes)], [place()], active=[Active()])
    assert (answer.assigned, answer.waiting, answer.skipped, answer.replace) == ([], [], [], [])


def test_a_run_with_a_cancel_request_is_left_to_the_cancel():
    answer = decide([waiting(1, cancel_requested=True)], [place()])
    assert (answer.assigned, answer.waiting, answer.skipped) == ([], [], [])


# -------------------------------------------------------------------------------- concurrency


def same_job(number, **changes):
    return Waiting(run_id=run_id(number), definition_id=1, **changes)


def test_two_due_runs_of_a_forbid_job_start_one_and_skip_the_other():
    runs = [same_job(n, concurrency_policy="forbid") for n in (1, 2)]
    answer = decide(runs, [place()])
    assert answer.assigned == [(run_id(1), "w-1")]
    assert only(answer.skipped)[:2] == (run_id(2), Reason.CONCURRENCY_FORBID)
    assert str(run_id(1)) in only(answer.skipped)[2]


def test_a_forbid_job_that_no_worker_can_take_waits_and_skips_nothing():
    runs = [same_job(n, concurrency_policy="forbid") for n in (1, 2)]
    answer = decide(runs, [])
    assert {entry[1] for entry in answer.waiting} == {Reason.WAIT_NO_WORKER}
    assert answer.skipped == []


def test_catch_ups_of_a_forbid_job_run_one_after_the_other():
    runs = [
        same_job(n, concurrency_policy="forbid", scheduled_for=NOW - seconds(9000 + n))
        for n in (1, 2, 3)
    ]
    answer = decide(runs, [place()])
    assert len(answer.assigned) == 1
    assert answer.skipped == []
    assert [entry[1] for entry in answer.waiting] == [Reason.WAIT_MAX_PARALLEL] * 2


def test_max_parallel_counts_what_starts_in_the_same_decision():
    answer = decide([same_job(n, max_parallel=2) for n in (1, 2, 3)], [place()])
    assert len(answer.assigned) == 2
    assert only(answer.waiting)[1] is Reason.WAIT_MAX_PARALLEL


def test_replace_cancels_the_running_and_the_older_waiting_run_and_waits():
    older = same_job(1, concurrency_policy="replace", scheduled_for=NOW - seconds(60))
    newer = same_job(2, concurrency_policy="replace")
    answer = decide([older, newer], [place()], active=[Active()])
    assert sorted(answer.replace) == [run_id(1), run_id(100)]
    assert only(answer.waiting)[:2] == (run_id(2), Reason.WAIT_REPLACE)
    assert answer.assigned == []


def test_replace_starts_once_the_older_run_is_reported_ended():
    answer = decide([same_job(2, concurrency_policy="replace")], [place()])
    assert answer.assigned == [(run_id(2), "w-1")]


def test_a_paused_replace_job_cancels_nothing():
    run = same_job(2, concurrency_policy="replace")
    assert decide([run], [place()], active=[Active()], paused=True).replace == []


# ------------------------------------------------------------------------------ places for runs


def test_the_load_of_a_worker_is_counted_from_the_active_runs():
    slots = worker_slots([worker_view()], [Active(), Active(run_id=run_id(101))], None)
    assert only(slots).open_runs == 2


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, ""),
        ({"suspect": True}, "suspect"),
        ({"desired": DesiredMode.DRAINING}, "draining"),
        ({"desired": DesiredMode.DETACHED}, "detached"),
    ],
)
def test_a_worker_that_takes_no_runs_says_why(changes, word):
    assert only(worker_slots([worker_view(**changes)], [], None)).unavailable == word


@pytest.mark.parametrize("word", ["", "unreachable", "not accepting runs"])
def test_a_worker_that_was_heard_to_take_no_runs_is_no_place(word):
    slots = worker_slots([worker_view()], [], None, {"w-1": word})
    assert only(slots).unavailable == word


def test_only_live_workers_are_places():
    assert worker_slots([worker_view(state=LeaseState.LOST)], [], None) == []


def test_the_leader_is_marked():
    assert only(worker_slots([worker_view()], [], "w-1")).is_leader
