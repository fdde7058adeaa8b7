"""Exits held back for strays."""

from uuid import uuid4

from scheduler.domain.values import ProcessExited
from scheduler.execution.strays import Strays


def exit_of():
    return ProcessExited(uuid4(), 0, None, 1.0)


def test_run_that_leaves_nothing_is_over_at_once():
    event = exit_of()
    strays = Strays()
    assert strays.run_ended(event, []) == [event]
    assert not strays


def test_exit_waits_for_every_stray():
    event, strays = exit_of(), Strays()
    assert strays.run_ended(event, [5, 6]) == []
    assert strays.reaped(5, []) == []
    assert strays
    assert strays.reaped(6, []) == [event]
    assert not strays


def test_what_a_dying_stray_leaves_belongs_to_the_same_run():
    event, strays = exit_of(), Strays()
    strays.run_ended(event, [5])
    assert strays.reaped(5, [6, 7]) == []
    assert strays.reaped(7, []) == []
    assert strays.reaped(6, []) == [event]


def test_stray_that_cannot_be_killed_holds_back_its_own_run_only():
    stuck, other, strays = exit_of(), exit_of(), Strays()
    strays.run_ended(stuck, [5])
    assert strays.run_ended(other, [6]) == []
    assert strays.reaped(6, []) == [other]
    assert strays


def test_known_strays_and_the_servers_own_children_are_not_fresh():
    strays = Strays(not_ours=[3])
    strays.run_ended(exit_of(), [5])
    assert strays.fresh([3, 5, 6]) == [6]


def test_unknown_zombie_frees_nothing():
    assert Strays().reaped(9, []) == []
