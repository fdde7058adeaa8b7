"""What those who tell people of runs ask: facts, late runs, the first success after a failure."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler.domain.values import RunState
from scheduler.models import JobRun, JobRunDetail
from scheduler.queries.run_facts import first_success_after, run_facts, runs_not_started
from tests.contract.store.world import T0


def finish(run_id, state, **fields):
    rows = JobRun.objects.filter(pk=run_id)
    assert rows.update(state=state, finished_at=T0 + timedelta(minutes=1), **fields) == 1


def due(run_ids, at=T0):
    JobRun.objects.filter(pk__in=run_ids).update(due_at=at)


def test_the_facts_of_runs_come_with_their_jobs_and_explanations(world):
    first, second = world.plan(world.define("nightly"), 2)
    finish(first, "FAILED", exit_code=3, reason="EXIT_CODE", retry_due_at=T0)
    JobRunDetail.objects.create(run_id=first, error="boom")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = run_facts([first, second])
    assert len(asked) == 2
    one = found[first]
    assert (one.job_name, one.timezone, one.exit_code) == ("nightly", "UTC", 3)
    assert (one.explanation, one.will_be_retried, one.state) == ("boom", True, RunState.FAILED)
    assert found[second].will_be_retried is False
    assert run_facts([]) == {}


def test_a_failure_is_known_to_be_retried_by_the_attempt_that_followed(world):
    first, second = world.plan(world.define(), 2)
    finish(first, "FAILED")
    slot = JobRun.objects.get(pk=first).slot_key
    JobRun.objects.filter(pk=second).update(slot_key=slot, attempt=2, retry_of=first)
    found = run_facts([first, second])
    assert (found[first].will_be_retried, found[second].will_be_retried) == (True, False)


def test_late_runs_come_in_pages_without_those_that_are_held_on_purpose(world):
    runs = world.plan(world.define(), 7)
    due(runs)
    due(runs[:1], T0 + timedelta(hours=1))
    JobRun.objects.filter(pk=runs[1]).update(reason="WAIT_UPSTREAM")
    finish(runs[2], "SUCCEEDED")
    world.start([runs[3]])
    before = T0 + timedelta(seconds=1)
    first = runs_not_started(before, limit=2)
    last = first[-1]
    rest = runs_not_started(before, after=(last.due_at, last.run_id), limit=2)
    assert [one.run_id for one in (*first, *rest)] == sorted(runs[4:])
    assert runs_not_started(T0) == []


def test_a_run_that_was_held_for_hours_and_is_handed_out_now_is_not_late(world):
    (run,) = world.plan(world.define(), 1)
    due([run])
    given = T0 + timedelta(hours=3)
    JobRun.objects.filter(pk=run).update(state="ASSIGNED", assigned_at=given)
    assert runs_not_started(given) == []
    assert len(runs_not_started(given + timedelta(seconds=1))) == 1


def test_the_first_success_after_a_run_is_that_of_its_own_job(world):
    job, other = world.define("a"), world.define("b")
    early, failed, again, good, better = world.plan(job, 5)
    (others,) = world.plan(other, 1)
    for run in (early, good, better, others):
        finish(run, "SUCCEEDED")
    for run in (failed, again):
        finish(run, "FAILED")
    assert first_success_after({job: (failed, T0)})[job].run_id == good
    assert first_success_after({job: (better, T0)}) == {}
    assert first_success_after({job: (failed, T0 + timedelta(minutes=1))}) == {}
    assert first_success_after({}) == {}
