"""Whether another run of the same job may start."""

from scheduler.domain.concurrency import Holders, Outcome, may_start_ahead, superseded
from scheduler.domain.planning import slot_key
from scheduler.domain.values import Reason, RunState
from tests.unit.domain.builders import NOW, Active, Waiting, run_id, seconds


def verdict(run, *active):
    return Holders(active).verdict(run)


def test_a_job_that_nobody_holds_starts_under_every_policy():
    for policy in ("allow", "forbid", "replace"):
        assert verdict(Waiting(concurrency_policy=policy)).outcome is Outcome.START


def test_the_runs_of_other_jobs_do_not_matter():
    other = Active(definition_id=2)
    assert verdict(Waiting(concurrency_policy="forbid"), other).outcome is Outcome.START


def test_allow_without_a_limit_starts_beside_any_number():
    many = [Active(run_id=run_id(100 + n)) for n in range(50)]
    assert verdict(Waiting(), *many).outcome is Outcome.START


def test_allow_waits_at_its_limit_and_says_who_holds_it():
    found = verdict(Waiting(max_parallel=1), Active())
    assert (found.outcome, found.reason) == (Outcome.WAIT, Reason.WAIT_MAX_PARALLEL)
    assert found.detail == f"at most 1 at once; held by run {run_id(100)} (RUNNING)"


def test_an_assigned_run_holds_its_job():
    found = verdict(Waiting(concurrency_policy="forbid"), Active(state=RunState.ASSIGNED))
    assert found.outcome is Outcome.SKIP


def test_a_canceling_run_holds_its_job_until_its_worker_reports():
    found = verdict(Waiting(concurrency_policy="forbid"), Active(cancel_requested=True))
    assert found.detail == f"run {run_id(100)} (canceling) was still going on"


def test_forbid_skips_and_names_the_run():
    found = verdict(Waiting(concurrency_policy="forbid"), Active())
    assert (found.outcome, found.reason) == (Outcome.SKIP, Reason.CONCURRENCY_FORBID)
    assert str(run_id(100)) in found.detail


def test_forbid_skips_a_run_that_a_person_asked_for():
    found = verdict(Waiting(concurrency_policy="forbid", slot_key="m:1"), Active())
    assert found.outcome is Outcome.SKIP


def test_a_retry_under_forbid_waits_because_its_slot_is_owed_an_outcome():
    found = verdict(Waiting(concurrency_policy="forbid", attempt=2), Active())
    assert (found.outcome, found.reason) == (Outcome.WAIT, Reason.WAIT_MAX_PARALLEL)


def test_a_catch_up_under_forbid_waits():
    late = Waiting(concurrency_policy="forbid", scheduled_for=NOW - seconds(900))
    assert verdict(late, Active()).outcome is Outcome.WAIT


def test_a_backfill_under_forbid_waits():
    backfill = Waiting(concurrency_policy="forbid", slot_key="b:7:2026-01-01T00:00:00Z")
    assert verdict(backfill, Active()).outcome is Outcome.WAIT


def test_replace_asks_the_older_to_cancel_and_waits():
    found = verdict(Waiting(concurrency_policy="replace"), Active())
    assert (found.outcome, found.reason) == (Outcome.WAIT, Reason.WAIT_REPLACE)
    assert found.replace == (run_id(100),)


def test_replace_does_not_ask_twice():
    found = verdict(Waiting(concurrency_policy="replace"), Active(cancel_requested=True))
    assert (found.outcome, found.replace) == (Outcome.WAIT, ())


def test_a_run_assigned_a_moment_ago_holds_its_job():
    holders = Holders([])
    holders.started(Waiting())
    found = holders.verdict(Waiting(run_id=run_id(2), concurrency_policy="forbid"))
    assert found.outcome is Outcome.SKIP


def test_only_what_nothing_can_hold_may_start_ahead():
    assert may_start_ahead(Waiting())
    assert not may_start_ahead(Waiting(max_parallel=3))
    assert not may_start_ahead(Waiting(concurrency_policy="forbid"))
    assert not may_start_ahead(Waiting(concurrency_policy="replace"))


def waiting_slot(number, policy="replace", definition_id=1):
    slot = NOW + seconds(number)
    return Waiting(
        run_id=run_id(number),
        definition_id=definition_id,
        concurrency_policy=policy,
        slot_key=slot_key(slot),
        scheduled_for=slot,
        due_at=slot,
    )


def test_a_newer_waiting_run_makes_older_ones_pointless_under_replace():
    found = superseded([waiting_slot(3), waiting_slot(1), waiting_slot(2)])
    assert found == {run_id(1): run_id(3), run_id(2): run_id(3)}


def test_waiting_runs_of_other_policies_and_jobs_are_not_superseded():
    others = [waiting_slot(1, "forbid"), waiting_slot(2, "allow"), waiting_slot(3)]
    assert superseded([*others, waiting_slot(4, definition_id=2)]) == {}
