"""What follows others is audited too: each kind of loss and doubling, planted by hand."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from scheduler_demo.chains import audit_chains, unfollowed
from scheduler_demo.ledger import Dependency, Run
from tests.unit.demo.rows import END, GOOD, JOB, START, a_run

AFTER = replace(JOB, id=2, name="after", schedule=None)
LINK = Dependency(2, 1, START - timedelta(days=1), plain=True)


def follower(number: int, of: Run, **changes) -> Run:
    values: dict[str, Any] = {"definition_id": 2, "slot_key": f"d:{of.slot_key}"} | changes
    later = of.scheduled_for + timedelta(seconds=1)
    return replace(of, id=a_run(number, 0).id, started_at=later, **values)


FOLLOWED = [*GOOD, *(follower(index, run) for index, run in enumerate(GOOD, 11))]


def found(runs=FOLLOWED, after=AFTER, link=LINK):
    return audit_chains([JOB, after], runs, [link], START, END)


def test_slots_that_are_all_followed_once_are_clean():
    clean = found()
    assert (clean.due, clean.covered, clean.lost, clean.doubled) == (3, 3, [], [])


def test_a_success_that_nothing_follows_is_a_loss():
    assert "no row after" in found(FOLLOWED[:-1]).lost[0]
    assert unfollowed([JOB, AFTER], FOLLOWED[:-1], [LINK], START, END)


def test_a_failure_is_followed_by_nothing_that_began():
    failed = [replace(FOLLOWED[0], state="FAILED"), *FOLLOWED[1:]]
    assert "began before" in found(failed).doubled[0]


def test_two_rows_after_one_slot_are_one_too_many():
    twice = [*FOLLOWED, replace(FOLLOWED[-1], id=a_run(99, 0).id)]
    assert "2 rows after" in found(twice).doubled[0]


def test_a_run_that_began_too_early_is_seen_in_a_job_with_a_schedule_too():
    early = [*FOLLOWED[:-1], replace(FOLLOWED[-1], started_at=START)]
    assert "began before" in found(early).doubled[0]
    scheduled = replace(AFTER, schedule=JOB.schedule)
    assert "began before" in found(early, after=scheduled).doubled[0]


def test_a_follower_that_never_ended_is_a_loss():
    open_one = [*FOLLOWED[:-1], replace(FOLLOWED[-1], state="RUNNING")]
    assert "still RUNNING" in found(open_one).lost[0]


def test_slots_from_before_the_dependency_are_not_asked_for():
    young = replace(LINK, since=START + timedelta(seconds=25))
    assert found([*GOOD, FOLLOWED[-1]], link=young).due == 1
