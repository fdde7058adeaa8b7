"""The storm guard: how many starts in a window, what waits until when, what is given up."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.assignment import AssignmentPolicies, Assignments, assign
from scheduler.domain.concurrency import may_start_ahead
from scheduler.domain.guard import Allowance, Start
from scheduler.domain.values import Reason
from tests.unit.domain.builders import NOW, Active, Waiting, place, run_id, seconds

BIG = place(capacity=1000)


def of_job(number: int, **changes: object) -> Waiting:
    return Waiting(run_id=run_id(number), **changes)  # type: ignore[arg-type]


def guarded(
    runs: Sequence[Waiting], starts: Sequence[Start] = (), now=NOW, cluster_cap: int = 0
) -> Assignments:
    policies = AssignmentPolicies(start_cap_per_minute=cluster_cap)
    return assign(runs, [], [BIG], now, policies, starts=starts)


def started(answer: Assignments) -> list[int]:
    return [run.int for run, _ in answer.assigned]


def reasons(answer: Assignments) -> list[Reason]:
    return [reason for _, reason, _ in answer.waiting]


def ages(*seconds: float | None, job: int = 1, retry: bool = False) -> list[Start]:
    return [Start(job, retry, each) for each in seconds]


# ------------------------------------------------------------------------------------ start cap


def test_of_a_storm_only_as_many_start_as_the_cap_allows():
    answer = guarded([of_job(n, start_cap_per_minute=2) for n in range(1, 6)])
    assert started(answer) == [1, 2]
    assert reasons(answer) == [Reason.WAIT_START_CAP] * 3
    assert answer.skipped == []


def test_what_waits_says_until_when():
    run = of_job(9, start_cap_per_minute=2)
    ((_, _, detail),) = guarded([run], ages(50.0, 20.5)).waiting
    expected = "start cap of the job: 2 in 60 s; its turn is at about 2026-11-23T06:00:10+00:00"
    assert detail == expected


def test_each_that_waits_has_a_turn_of_its_own():
    runs = [of_job(n, start_cap_per_minute=2) for n in range(1, 6)]
    turns = guarded(runs, ages(50.0, 20.0)).turns
    waits = [(turns[run_id(n)] - NOW).total_seconds() for n in range(1, 6)]
    assert waits == [10.0, 40.0, 70.0, 100.0, 130.0]


def test_a_start_counts_for_sixty_seconds_and_no_longer():
    run = of_job(9, start_cap_per_minute=1)
    assert reasons(guarded([run], ages(59.999))) == [Reason.WAIT_START_CAP]
    assert started(guarded([run], ages(60.0))) == [9]


def test_a_run_that_is_assigned_and_not_claimed_counts_however_long():
    run = of_job(9, start_cap_per_minute=1)
    assert reasons(guarded([run], ages(None))) == [Reason.WAIT_START_CAP]


def test_a_run_without_a_place_uses_up_nothing():
    runs = [of_job(1, start_cap_per_minute=1, queue="other"), of_job(2, start_cap_per_minute=1)]
    answer = guarded(runs)
    assert started(answer) == [2]
    assert reasons(answer) == [Reason.WAIT_NO_QUEUE]


def test_a_run_that_the_cap_holds_cancels_no_other():
    run = of_job(9, start_cap_per_minute=1, concurrency_policy="replace")
    answer = assign([run], [Active()], [BIG], NOW, AssignmentPolicies(), starts=ages(1.0))
    assert answer.replace == []
    assert reasons(answer) == [Reason.WAIT_START_CAP]


def test_one_jobs_cap_holds_no_other_job():
    runs = [of_job(1, start_cap_per_minute=1), of_job(2, definition_id=2)]
    assert started(guarded(runs, ages(1.0))) == [2]


def test_what_was_held_too_long_is_skipped_and_says_what_held_it():
    run = of_job(9, start_cap_per_minute=1, reason=Reason.WAIT_START_CAP)
    answer = guarded([run], ages(1.0), now=NOW + seconds(301))
    ((_, reason, detail),) = answer.skipped
    assert reason is Reason.SKIP_LATE
    assert detail.endswith("it waited with WAIT_START_CAP")


@pytest.mark.parametrize(
    "limit", ["start_cap_per_minute", "retry_budget_per_hour", "quarantine_after_failures"]
)
def test_a_run_of_a_guarded_job_is_not_handed_out_before_it_is_due(limit: str):
    run = of_job(1, due_at=NOW + seconds(2), **{limit: 5})
    assert not may_start_ahead(run)
    assert guarded([run]).assigned == []


def test_only_runs_of_limited_jobs_are_counted():
    runs = [of_job(1, start_cap_per_minute=5), of_job(2, definition_id=2)]
    assert guarded(runs).counted == [(run_id(1), False)]


# ------------------------------------------------------------------------------ the whole cluster


def test_the_clusters_cap_counts_all_jobs_together():
    runs = [of_job(n, definition_id=n) for n in range(1, 6)]
    answer = guarded(runs, ages(10.0, job=77), cluster_cap=3)
    assert started(answer) == [1, 2]
    assert reasons(answer) == [Reason.WAIT_START_CAP] * 3
    assert "of the cluster" in answer.waiting[0][2]
    assert [run.int for run, _ in answer.counted] == [1, 2]


def test_under_the_clusters_cap_nothing_is_handed_out_ahead():
    assert guarded([of_job(1, due_at=NOW + seconds(2))], cluster_cap=3).assigned == []


# --------------------------------------------------------------------------------- retry budget


def retry(number: int, budget: int = 2, **changes: object) -> Waiting:
    facts = {"attempt": 2, "own_retry": True, "retry_budget_per_hour": budget}
    return of_job(number, **(facts | changes))


def test_a_retry_beyond_the_budget_waits_and_says_until_when():
    ((_, reason, detail),) = guarded([retry(9)], ages(3000.0, 60.0, retry=True)).waiting
    assert reason is Reason.WAIT_RETRY_BUDGET
    assert detail.endswith("its turn is at about 2026-11-23T06:10:00+00:00")


def test_no_more_retries_wait_than_an_hour_can_take_the_rest_is_given_up():
    answer = guarded([retry(n) for n in range(1, 7)])
    assert started(answer) == [1, 2]
    assert reasons(answer) == [Reason.WAIT_RETRY_BUDGET] * 2
    assert [(run.int, reason) for run, reason, _ in answer.skipped] == [
        (5, Reason.RETRY_BUDGET),
        (6, Reason.RETRY_BUDGET),
    ]
    assert answer.counted == [(run_id(1), True), (run_id(2), True)]


def test_what_is_no_fault_of_the_job_neither_waits_for_the_budget_nor_spends_it():
    innocent = [retry(n, own_retry=False) for n in range(1, 5)]
    answer = guarded([*innocent, retry(9)], ages(1.0, retry=True))
    assert started(answer) == [1, 2, 3, 4, 9]
    assert answer.counted == [(run_id(9), True)]


def test_a_first_attempt_never_waits_for_the_budget():
    run = of_job(1, retry_budget_per_hour=1)
    assert started(guarded([run], ages(1.0, retry=True))) == [1]


def test_a_retry_is_a_start_too():
    answer = guarded([retry(n, start_cap_per_minute=1, budget=5) for n in (1, 2)])
    assert reasons(answer) == [Reason.WAIT_START_CAP]


# ---------------------------------------------------------------------------------- properties


class Story:
    """Runs come due and are claimed some time after they are assigned; leaders come and go, for
    nothing but the starts is remembered."""

    def __init__(self, cap: int) -> None:
        self.cap, self.now = cap, 0.0
        self.claims: list[float | None] = []
        self.waiting: list[int] = []
        self.made = 0

    def tick(self) -> None:
        starts = [
            Start(1, False, None if at is None else self.now - at)
            for at in self.claims
            if at is None or self.now - at < 60.0
        ]
        runs = [of_job(n, start_cap_per_minute=self.cap) for n in self.waiting]
        answer = guarded(runs, starts, now=NOW + timedelta(seconds=self.now))
        gone = set(started(answer)) | {run.int for run, _, _ in answer.skipped}
        self.waiting = [n for n in self.waiting if n not in gone]
        self.claims += [None] * len(answer.assigned)

    def claim(self, count: int) -> None:
        open_ones = [i for i, at in enumerate(self.claims) if at is None][:count]
        for index in open_ones:
            self.claims[index] = self.now

    def arrive(self, count: int) -> None:
        self.waiting += range(self.made + 1, self.made + count + 1)
        self.made += count


MOVES = st.one_of(
    st.tuples(st.just("arrive"), st.integers(1, 8)),
    st.tuples(st.just("claim"), st.integers(1, 8)),
    st.tuples(st.just("tick"), st.just(0)),
    st.tuples(st.just("pass"), st.sampled_from([0.001, 0.5, 7.0, 29.9, 30.0, 59.999, 60.0])),
)


@given(cap=st.integers(1, 5), moves=st.lists(MOVES, max_size=60))
def test_in_no_sixty_seconds_do_more_runs_begin_than_the_cap_says(cap, moves):
    story = Story(cap)
    for what, number in moves:
        if what == "arrive":
            story.arrive(int(number))
        elif what == "claim":
            story.claim(int(number))
        elif what == "tick":
            story.tick()
        else:
            story.now += number
    begun = sorted(at for at in story.claims if at is not None)
    for first, one_too_many in zip(begun, begun[cap:], strict=False):
        assert one_too_many - first >= 60.0 - 1e-6


@given(
    limit=st.integers(1, 6),
    so_far=st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=12),
    more=st.integers(1, 12),
)
def test_turns_never_come_earlier_than_those_before_and_keep_to_the_limit(limit, so_far, more):
    allowance = Allowance(limit, 60.0, so_far)
    turns = []
    for _ in range(more):
        if not allowance.used_up:
            allowance.take()
        else:
            turns.append(allowance.turn())
    assert all(a <= b for a, b in pairwise(turns))
    assert all(
        late - early >= 60.0 - 1e-6 for early, late in zip(turns, turns[limit:], strict=False)
    )
