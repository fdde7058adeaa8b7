"""Late runs and recoveries, by query, each told once."""

from datetime import timedelta

import pytest

from scheduler.models import JobDefinition
from scheduler_notify import store, watcher
from scheduler_notify.intake import message_of
from scheduler_notify.models import NotifyFailingJob, NotifyMessage
from tests.plugins.notify.builders import NOON, transition
from tests.plugins.notify.leading import Leader
from tests.plugins.notify.rows import job, run


@pytest.fixture
def leader(database, plugin_settings):
    return Leader(plugin_settings(NOTIFY_LATE_AFTER_SECONDS="300"))


def kinds():
    return sorted(NotifyMessage.objects.values_list("kind", flat=True))


def test_a_run_that_has_not_started_in_time_is_told_once(leader):
    late = run(job(), "PENDING", reason="WAIT_NO_WORKER")
    leader.now = NOON + timedelta(seconds=300)
    leader.watcher.tick()
    assert kinds() == []
    for _ in range(3):
        leader.later(1)
        leader.watcher.tick()
    kept = NotifyMessage.objects.get()
    assert (kept.kind, kept.run_id, kept.facts["reason"]) == ("run_late", late, "WAIT_NO_WORKER")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("RUNNING", ""),
        ("SUCCEEDED", ""),
        ("PENDING", "WAIT_PAUSED"),
        ("PENDING", "WAIT_MAX_PARALLEL"),
    ],
)
def test_what_runs_has_ended_or_is_held_on_purpose_is_not_late(leader, state, reason):
    run(job(), state, reason=reason)
    leader.now = NOON + timedelta(hours=1)
    leader.watcher.tick()
    assert kinds() == []


def test_zero_seconds_watch_no_late_runs(leader, plugin_settings):
    run(job(), "ASSIGNED")
    leader.settings = plugin_settings(NOTIFY_LATE_AFTER_SECONDS="0")
    leader.now = NOON + timedelta(hours=1)
    leader.watcher.tick()
    assert kinds() == []


def test_many_late_runs_are_all_told_page_after_page(leader, monkeypatch):
    monkeypatch.setattr(watcher, "RUNS_AT_ONCE", 3)
    key = job()
    for _ in range(8):
        run(key, "PENDING")
    leader.now = NOON + timedelta(hours=1)
    assert [leader.watcher.tick() for _ in range(3)] == [1.0, 1.0, watcher.POLL_SECONDS]
    assert len(kinds()) == 8


def failed(leader, definition_id, run_id, at=NOON):
    found = message_of(transition(definition_id=definition_id, run_id=run_id, at=at))
    assert found is not None
    store.keep([found])
    leader.route()


def test_a_job_that_works_again_is_told_once_with_how_long_it_had_failed(leader):
    key = job()
    failed(leader, key, run(key))
    failed(leader, key, run(key), NOON + timedelta(minutes=30))
    leader.watcher.tick()
    assert kinds() == ["run_failed", "run_failed"]
    good = run(key, "SUCCEEDED", finished_at=NOON + timedelta(hours=1))
    run(key, "SUCCEEDED", finished_at=NOON + timedelta(hours=2))
    leader.watcher.tick()
    leader.watcher.tick()
    kept = NotifyMessage.objects.get(kind="job_recovered")
    assert (kept.run_id, kept.resolved, kept.severity) == (good, True, "error")
    assert (kept.facts["failures"], kept.facts["failing_seconds"]) == (2, 3600)
    assert NotifyFailingJob.objects.count() == 0


def test_a_success_planned_before_the_failure_is_no_recovery(leader):
    key = job()
    run(key, "SUCCEEDED", finished_at=NOON + timedelta(hours=1))
    failed(leader, key, run(key))
    leader.watcher.tick()
    assert kinds() == ["run_failed"]


def test_a_success_before_the_failure_was_known_is_no_recovery(leader):
    key = job()
    long_one = run(key)
    run(key, "SUCCEEDED", finished_at=NOON + timedelta(minutes=30))
    failed(leader, key, long_one, NOON + timedelta(hours=1))
    leader.watcher.tick()
    assert kinds() == ["run_failed"]


def test_a_success_of_another_job_is_no_recovery(leader):
    key = job()
    failed(leader, key, run(key))
    run(job("other"), "SUCCEEDED")
    leader.watcher.tick()
    assert kinds() == ["run_failed"]


def test_a_job_that_fails_again_after_its_recovery_is_told_of_again(leader):
    key = job()
    for hour in (0, 2):
        failed(leader, key, run(key), NOON + timedelta(hours=hour, minutes=1))
        run(key, "SUCCEEDED", finished_at=NOON + timedelta(hours=hour + 1))
        leader.watcher.tick()
    assert kinds() == ["job_recovered", "job_recovered", "run_failed", "run_failed"]


def test_many_failing_jobs_are_looked_at_page_after_page(leader, monkeypatch):
    monkeypatch.setattr(watcher, "JOBS_AT_ONCE", 2)
    keys = [job(f"job-{n}") for n in range(5)]
    for key in keys:
        failed(leader, key, run(key))
        run(key, "SUCCEEDED")
    for _ in range(3):
        leader.watcher.tick()
    assert kinds().count("job_recovered") == 5


def test_a_deleted_job_ends_no_watching(leader):
    key, other = job(), job("other")
    failed(leader, key, run(key))
    JobDefinition.objects.filter(pk=key).update(deleted_at=NOON)
    failed(leader, other, run(other))
    run(other, "SUCCEEDED")
    leader.watcher.tick()
    assert kinds().count("job_recovered") == 1
