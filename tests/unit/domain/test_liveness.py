"""Who gives up first: the worker's deadline, the leader's patience."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.liveness import (
    CLOCK_DRIFT,
    Deadline,
    Questions,
    lost_workers,
    may_orphan,
    minimum_margin,
    suspect_changes,
)
from scheduler.domain.values import LeaseState
from tests.unit.domain.builders import worker_view

LEASE, MARGIN, TRUST = 10.0, 3.0, 4.0


def test_the_margin_covers_the_kill_the_drift_and_a_second():
    assert minimum_margin(kill_and_reap_seconds=2.0, lease_seconds=1000.0) == 2.0 + 1.0 + 1.0


# ---------------------------------------------------------------------------------- the worker


def test_the_deadline_counts_from_the_question_not_from_the_answer():
    asked_at, answered_at = 100.0, 109.0
    deadline = Deadline.first(asked_at, LEASE)
    assert deadline.at == 110.0
    assert deadline.must_kill(answered_at + 1.0)


def test_an_answer_to_an_older_question_never_shortens_the_deadline():
    deadline = Deadline.first(100.0, LEASE).answered(105.0, LEASE)
    assert deadline.answered(101.0, LEASE) == deadline


def test_a_shorter_lease_never_shortens_what_was_already_granted():
    assert Deadline.first(100.0, 30.0).answered(101.0, 5.0).at == 130.0


def test_term_comes_a_grace_before_kill():
    deadline = Deadline.first(100.0, LEASE)
    assert not deadline.must_terminate(107.9, grace_seconds=2.0)
    assert deadline.must_terminate(108.0, grace_seconds=2.0)
    assert not deadline.must_kill(109.9)
    assert deadline.must_kill(110.0)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(1, 60)), min_size=1))
def test_the_deadline_is_the_best_of_all_answers_in_any_order(answers):
    asked_at, lease = answers[0]
    deadline = Deadline.first(asked_at, lease)
    for asked_at, lease in answers[1:]:
        deadline = deadline.answered(asked_at, lease)
    assert deadline.at == max(asked_at + lease for asked_at, lease in answers)


def test_a_ping_counts_from_the_nonce_that_it_echoes():
    questions = Questions()
    early, late = questions.ask(100.0), questions.ask(103.0)
    assert questions.asked_at(early) == 100.0
    assert questions.asked_at(late) == 103.0


def test_a_ping_with_a_nonce_of_another_life_counts_for_nothing():
    assert Questions().asked_at(1) is None


def test_old_nonces_are_forgotten_so_that_memory_stays_bounded():
    questions = Questions()
    first = questions.ask(0.0)
    for now in range(Questions.REMEMBERED):
        last = questions.ask(float(now))
    assert questions.asked_at(first) is None
    assert questions.asked_at(last) == Questions.REMEMBERED - 1


# ---------------------------------------------------------------------------------- the leader


def orphanable(**changes):
    facts = {
        "term_age": TRUST + LEASE + MARGIN + 0.1,
        "trust": TRUST,
        "lease": LEASE,
        "margin": MARGIN,
        "last_reply_age": LEASE + MARGIN + 0.1,
    }
    return may_orphan(**(facts | changes))


def test_a_worker_silent_for_long_to_an_old_term_may_be_orphaned():
    assert orphanable()
    assert orphanable(last_reply_age=None)


def test_a_young_term_orphans_nobody_because_an_older_leader_may_have_pinged():
    assert not orphanable(term_age=TRUST + LEASE + MARGIN)


def test_a_worker_that_replied_within_its_lease_and_margin_is_not_orphaned():
    assert not orphanable(last_reply_age=LEASE + MARGIN)


@given(
    asked_at=st.floats(0, 100),
    kill_and_reap=st.floats(0, 5),
    lease=st.floats(1, 60),
    drift=st.floats(0, CLOCK_DRIFT),
)
def test_a_worker_is_dead_before_the_leader_may_say_so(asked_at, kill_and_reap, lease, drift):
    """The leader's clock runs faster by ``drift`` than the worker's, which is as wrong as two
    healthy clocks get; the reply whose nonce the worker counts from came after it asked."""
    margin = minimum_margin(kill_and_reap, lease)
    dead_at = Deadline.first(asked_at, lease).at + kill_and_reap
    declared_at = asked_at + (lease + margin) * (1 - drift)
    assert dead_at < declared_at


def lost(worker, term_age=1000.0, reply_ages=None):
    return lost_workers([worker], term_age=term_age, trust=TRUST, reply_ages=reply_ages or {})


def test_a_worker_whose_both_lines_are_silent_is_lost():
    assert lost(worker_view(renewed_age_seconds=13.1)) == ["w-1"]


def test_a_worker_cut_from_the_database_lives_by_its_replies():
    assert lost(worker_view(renewed_age_seconds=100.0), reply_ages={"w-1": 1.0}) == []


def test_a_worker_cut_from_the_leader_lives_by_its_lease_row():
    assert lost(worker_view(renewed_age_seconds=1.0)) == []


def test_a_new_leader_waits_before_it_calls_anybody_lost():
    silent = worker_view(renewed_age_seconds=100.0)
    assert lost(silent, term_age=TRUST + LEASE + MARGIN) == []
    assert lost(silent, term_age=TRUST + LEASE + MARGIN + 0.1) == ["w-1"]


def test_the_lease_in_the_workers_own_row_counts():
    assert lost(worker_view(renewed_age_seconds=20.0, lease_seconds=60.0)) == []


@pytest.mark.parametrize("state", [LeaseState.LOST, LeaseState.LEFT])
def test_a_worker_that_is_not_live_is_not_lost_again(state):
    assert lost(worker_view(renewed_age_seconds=100.0, state=state)) == []


def changes(worker, term_age=1000.0, reply_ages=None):
    return suspect_changes(
        [worker], term_age=term_age, reply_ages=reply_ages or {}, confirm_after_seconds=5.0
    )


def test_a_worker_with_two_lively_lines_is_not_suspected():
    answer = changes(worker_view(), reply_ages={"w-1": 0.1})
    assert (answer.suspect, answer.cleared) == ((), ())


def test_either_silent_line_makes_a_worker_suspect():
    assert changes(worker_view(), reply_ages={"w-1": 5.1}).suspect == ("w-1",)
    row_silent = worker_view(renewed_age_seconds=5.1)
    assert changes(row_silent, reply_ages={"w-1": 0.1}).suspect == ("w-1",)


def test_a_suspect_worker_is_not_marked_twice():
    assert changes(worker_view(suspect=True), reply_ages={"w-1": 6.0}).suspect == ()


def test_a_confirmed_worker_is_cleared():
    assert changes(worker_view(suspect=True), reply_ages={"w-1": 0.1}).cleared == ("w-1",)


def test_a_new_leader_gives_workers_time_to_reply_before_it_suspects_them():
    assert changes(worker_view(), term_age=4.9).suspect == ()
    assert changes(worker_view(), term_age=5.1).suspect == ("w-1",)


def test_an_echo_of_a_forgotten_question_never_answers_a_later_one():
    questions = Questions()
    old = questions.ask(now=10.0)
    questions.forget()
    new = questions.ask(now=500.0)
    assert questions.asked_at(old) is None
    assert questions.asked_at(new) == 500.0
