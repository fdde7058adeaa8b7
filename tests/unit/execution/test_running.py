"""The table of living runs, on made-up time."""

import signal
from uuid import uuid4

import pytest

from scheduler.domain.values import LaunchSpec
from scheduler.execution.running import LivingRun, RunTable

TERM, KILL = signal.SIGTERM, signal.SIGKILL


def table_of(*runs):
    table = RunTable()
    for run in runs:
        table.add(run)
    return table


def run_of(pid=7, started_at=100.0, **options):
    options = {"kill_grace_seconds": 10.0} | options
    return LivingRun(LaunchSpec(uuid4(), ("noop",), {}, "x.log", **options), pid, started_at)


def test_run_without_limits_is_left_alone():
    table = table_of(run_of())
    assert table.due(1e9) == []
    assert table.next_due() is None


def test_timeout_is_term_then_kill_after_the_grace():
    run = run_of(timeout_seconds=50.0)
    table = table_of(run)
    assert table.next_due() == 150.0
    assert table.due(149.9) == []
    assert table.due(150.0) == [(7, TERM)]
    assert table.next_due() == 160.0
    assert table.due(159.9) == []
    assert table.due(160.0) == [(7, KILL)]
    assert (run.timed_out, run.canceled, run.lease_lost) == (True, False, False)


def test_each_signal_is_given_once():
    table = table_of(run_of(timeout_seconds=50.0))
    table.due(150.0), table.due(160.0)
    assert table.due(200.0) == []
    assert table.next_due() is None


def test_cancel_is_term_now_and_kill_after_the_grace():
    run = run_of()
    table = table_of(run)
    assert table.cancel([run.spec.run_id, uuid4()], 120.0) == [(7, TERM)]
    assert table.due(130.0) == [(7, KILL)]
    assert run.canceled and not run.timed_out


def test_second_cancel_does_not_prolong_the_grace():
    run = run_of()
    table = table_of(run)
    table.cancel([run.spec.run_id], 120.0)
    assert table.cancel([run.spec.run_id], 129.0) == []
    assert table.next_due() == 130.0


def test_timeout_during_a_cancel_changes_nothing():
    run = run_of(timeout_seconds=50.0)
    table = table_of(run)
    table.cancel([run.spec.run_id], 145.0)
    assert table.due(150.0) == []
    assert not run.timed_out


def test_lease_end_gives_term_one_grace_before_and_kill_at_the_end():
    run = run_of()
    table = table_of(run)
    table.renew(200.0, now=100.0)
    assert table.next_due() == 190.0
    assert table.due(190.0) == [(7, TERM)]
    assert table.due(200.0) == [(7, KILL)]
    assert run.lease_lost


def test_renewal_before_the_term_moves_it():
    table = table_of(run_of())
    table.renew(200.0, now=100.0)
    table.renew(230.0, now=103.0)
    assert table.due(190.0) == []
    assert table.next_due() == 220.0


def test_renewal_after_the_term_does_not_save_the_run():
    table = table_of(run_of())
    table.renew(200.0, now=100.0)
    table.due(190.0)
    table.renew(300.0, now=195.0)
    assert table.due(200.0) == [(7, KILL)]


def test_no_grace_reaches_past_the_lease():
    run = run_of(kill_grace_seconds=60.0)
    table = table_of(run)
    table.renew(200.0, now=100.0)
    table.cancel([run.spec.run_id], 110.0)
    assert table.next_due() == 170.0
    table.renew(150.0, now=110.0)
    assert table.due(150.0) == [(7, KILL)]


def test_grace_as_long_as_the_lease_leaves_a_run_in_peace_while_it_is_renewed():
    table = table_of(run_of(kill_grace_seconds=600.0))
    table.renew(130.0, now=100.0)
    assert table.due(103.0) == []
    assert table.next_due() == 115.0
    table.renew(133.0, now=103.0)
    assert table.due(115.0) == []
    assert table.due(118.0) == [(7, TERM)]
    assert table.due(133.0) == [(7, KILL)]


def test_lease_that_is_over_already_gives_term_and_kill_at_once():
    table = table_of(run_of())
    table.renew(90.0, now=100.0)
    assert table.due(100.0) == [(7, TERM), (7, KILL)]


@pytest.mark.parametrize(("limit", "kill_at"), [(None, 110.0), (3.0, 103.0), (99.0, 110.0)])
def test_end_of_all_gives_each_run_its_grace_but_no_more_than_the_limit(limit, kill_at):
    table = table_of(run_of())
    assert table.end_all(100.0, limit) == [(7, TERM)]
    assert table.next_due() == kill_at


def test_end_of_the_lines_does_not_lift_the_limit_of_a_stop():
    table = table_of(run_of())
    table.end_all(100.0, 3.0)
    table.end_all(101.0, None)
    assert table.next_due() == 103.0


def test_removed_run_gets_no_signal():
    run = run_of(timeout_seconds=1.0)
    table = table_of(run, run_of(pid=8))
    assert table.remove(7) is run
    assert table.remove(7) is None
    assert table.due(1e9) == []
    assert table.cancel([run.spec.run_id], 0.0) == []
    assert len(table) == 1
