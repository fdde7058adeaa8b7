"""The table of allowed changes of a run's state."""

import pytest

from scheduler.domain.errors import IllegalTransition
from scheduler.domain.transitions import ALLOWED, check
from scheduler.domain.values import FINISHED_STATES, OPEN_STATES, RunState


def test_every_state_has_its_row():
    assert set(ALLOWED) == set(RunState)


@pytest.mark.parametrize("state", sorted(FINISHED_STATES))
def test_finished_is_final(state):
    assert ALLOWED[state] == frozenset()


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_an_open_run_can_reach_a_finished_state(state):
    reached, edge = set(), {state}
    while edge:
        reached |= edge
        edge = {new for old in edge for new in ALLOWED[old]} - reached
    assert reached & FINISHED_STATES


def test_a_run_becomes_running_only_through_an_assignment():
    assert {old for old, news in ALLOWED.items() if RunState.RUNNING in news} == {RunState.ASSIGNED}


def test_only_a_running_run_can_be_orphaned():
    assert {old for old, news in ALLOWED.items() if RunState.ORPHANED in news} == {RunState.RUNNING}


def test_a_started_run_is_never_skipped_or_sent_back():
    assert not ALLOWED[RunState.RUNNING] & {RunState.SKIPPED, RunState.PENDING, RunState.ASSIGNED}


def test_an_allowed_change_passes():
    check(RunState.ASSIGNED, RunState.PENDING)


def test_a_forbidden_change_says_what_would_be_allowed():
    with pytest.raises(IllegalTransition) as caught:
        check(RunState.PENDING, RunState.RUNNING)
    assert str(caught.value) == (
        "A run cannot go from PENDING to RUNNING; "
        "allowed from PENDING: ASSIGNED, CANCELED, SKIPPED."
    )
    assert (caught.value.old, caught.value.new) == ("PENDING", "RUNNING")


def test_a_change_of_a_final_state_says_that_it_is_final():
    with pytest.raises(IllegalTransition, match="none, it is final"):
        check(RunState.SUCCEEDED, RunState.FAILED)
