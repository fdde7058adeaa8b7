"""The durable counters: every ended run once, whatever happens on the way."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connections

from scheduler.domain.values import Reason, RunState
from scheduler.queries.ledger_counts import requested_run_ids
from scheduler_monitoring import tallies
from scheduler_monitoring.counting import TallyFigure, TallyKey
from scheduler_monitoring.tallies import Tallier, count_ledger, pause, read_tallies
from tests.contract.store.world import World, new_run, result

FINISHED, SKIPPED = TallyFigure.FINISHED, TallyFigure.SKIPPED


def count(max_jobs: int = 100) -> None:
    """All that there is, as if a minute had passed since it was planned: what a test plans after
    it lies before the cursor."""
    while not count_ledger(datetime.now(UTC) + timedelta(minutes=1), lambda: max_jobs):
        pass


def counted(job: str, label: str, figure: TallyFigure = FINISHED) -> float:
    found = read_tallies().values.get(TallyKey(figure, job, label))
    return found.value if found else 0.0


def planned(world: World, definition: int, request: UUID) -> UUID:
    """The run that was asked for, as the planner makes it: with the request's id."""
    run = new_run(definition, 5, slot_key=f"m:{request}", run_id=request)
    assert world.leader.record_requests(world.fence, [(request, run)]) == 1
    return request


def end(world: World, runs, state=RunState.SUCCEEDED) -> None:
    tokens = world.start(runs)
    done = [result(run, token, state) for run, token in tokens.items()]
    assert len(world.workers.finish("w-1", done)) == len(runs)


@pytest.fixture
def begun(world: World) -> World:
    """Counting has begun an hour ago."""
    count_ledger(datetime.now(UTC) - timedelta(hours=1), lambda: 100)
    return world


def test_a_run_that_has_ended_is_counted_once(begun):
    end(begun, begun.plan(begun.define("report")))
    for _ in range(3):
        count()
    assert counted("report", "SUCCEEDED") == 1


def test_a_run_that_was_open_is_counted_when_it_has_ended(begun):
    runs = begun.plan(begun.define("report"), 3)
    count()
    assert counted("report", "SUCCEEDED") == 0
    end(begun, runs[:2])
    count()
    assert counted("report", "SUCCEEDED") == 2
    end(begun, runs[2:], RunState.FAILED)
    count()
    count()
    assert (counted("report", "SUCCEEDED"), counted("report", "FAILED")) == (2, 1)


def test_runs_open_when_counting_begins_are_counted_later_and_ended_ones_never(world):
    report = world.define("report")
    before, open_then = world.plan(report, 2)
    end(world, [before])
    count()
    end(world, [open_then])
    count()
    assert counted("report", "SUCCEEDED") == 1


def test_a_run_that_never_had_a_process_counts(begun):
    (run,) = begun.plan(begun.define("report"))
    begun.leader.skip(begun.fence, [(run, Reason.SKIP_LATE, "too late")])
    count()
    assert counted("report", "SKIPPED") == 1
    assert counted("report", "SKIP_LATE", SKIPPED) == 1


def test_a_row_for_many_missed_slots_counts_them_all(begun):
    (run,) = begun.plan(begun.define("report"), slot_count=40)
    begun.leader.skip(begun.fence, [(run, Reason.MISFIRE_SKIPPED, "")])
    count()
    assert counted("report", "SKIPPED") == 1
    assert counted("report", "MISFIRE_SKIPPED", SKIPPED) == 40


def test_the_run_of_a_killed_worker_counts_as_orphaned(begun):
    (run,) = begun.plan(begun.define("report"))
    begun.start([run])
    count()
    begun.lose("w-1")
    assert begun.leader.orphan(begun.fence, [(run, None, False)]) == [run]
    count()
    assert counted("report", "ORPHANED") == 1


def test_later_attempts_are_retries(begun):
    report = begun.define("report")
    end(begun, begun.plan(report), RunState.FAILED)
    end(begun, begun.plan(report, attempt=2))
    count()
    assert counted("report", "", TallyFigure.RETRIES) == 1


def test_a_run_that_was_asked_for_long_before_there_was_a_leader_is_counted(begun):
    report = begun.define("report")
    request = begun.request(report)
    count()
    run = planned(begun, report, request)
    for _ in range(2):
        count()
    end(begun, [run])
    for _ in range(2):
        count()
    assert counted("report", "SUCCEEDED") == 1


def test_a_run_that_was_asked_for_before_counting_begins_is_counted(world):
    report = world.define("report")
    request = world.request(report)
    count()
    end(world, [planned(world, report, request)])
    count()
    assert counted("report", "SUCCEEDED") == 1


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_that_is_planned_while_it_is_counted_counts_once(begun, monkeypatch, ended):
    if begun.database.vendor == "sqlite":
        pytest.skip("who counts is the one writer: nothing is planned meanwhile")
    report = begun.define("report")
    request = begun.request(report)
    ask = requested_run_ids

    def asked_and_then_planned(until):
        found = ask(until)
        monkeypatch.undo()
        run = planned(begun, report, request)
        if ended:
            end(begun, [run])
        return found

    monkeypatch.setattr(tallies, "requested_run_ids", asked_and_then_planned)
    # In one step: an hour is counted in several, and only the last holds the request.
    monkeypatch.setattr(tallies, "AT_ONCE", timedelta(days=1))
    count()
    count()
    if not ended:
        end(begun, [request])
        count()
    assert counted("report", "SUCCEEDED") == 1


def test_a_request_that_is_withdrawn_is_forgotten(begun):
    begun.request(begun.define("report"))
    count()
    begun.value("DELETE FROM scheduler_run_request WHERE 1 = 1 RETURNING 1")
    count()
    assert read_tallies().values == {}
    from scheduler_monitoring.models import TallyCursor

    assert bytes(TallyCursor.objects.get().open_runs) == b""


def test_a_planned_run_that_an_edit_deletes_is_forgotten(begun):
    (run,) = begun.plan(begun.define("report"))
    count()
    begun.value("DELETE FROM scheduler_job_run WHERE id = %(id)s RETURNING 1", id=run)
    count()
    assert read_tallies().values == {}
    from scheduler_monitoring.models import TallyCursor

    assert bytes(TallyCursor.objects.get().open_runs) == b""


def test_a_purge_takes_nothing_from_the_counters(begun):
    runs = begun.plan(begun.define("report"), 2)
    end(begun, runs)
    count()
    old = "UPDATE scheduler_job_run SET finished_at = %(at)s WHERE 1 = 1 RETURNING 1"
    begun.value(old, at=datetime.now(UTC) - timedelta(days=100))
    call_command("scheduler_purge", "--days", "1", "--batch", "10", verbosity=0)
    count()
    assert counted("report", "SUCCEEDED") == 2


def test_a_count_that_fails_half_way_leaves_everything_as_it_was(begun, monkeypatch):
    end(begun, begun.plan(begun.define("report")))
    monkeypatch.setattr(tallies, "_packed", lambda ids: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        count()
    assert counted("report", "SUCCEEDED") == 0
    monkeypatch.undo()
    count()
    assert counted("report", "SUCCEEDED") == 1


def test_two_leaders_at_a_time_count_a_run_once(begun):
    end(begun, begun.plan(begun.define("report"), 20))
    together = threading.Barrier(4)

    def lead() -> None:
        together.wait()
        count()
        connections.close_all()

    threads = [threading.Thread(target=lead) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counted("report", "SUCCEEDED") == 20


def test_a_run_planned_within_the_last_seconds_is_left_for_later(begun):
    end(begun, begun.plan(begun.define("report")))
    while not count_ledger(datetime.now(UTC), lambda: 100):
        pass
    assert counted("report", "SUCCEEDED") == 0
    count()
    assert counted("report", "SUCCEEDED") == 1


def test_a_long_time_without_a_leader_is_counted_in_parts(begun):
    end(begun, begun.plan(begun.define("report")))
    now = datetime.now(UTC) + timedelta(minutes=1)
    parts = 1
    while not count_ledger(now, lambda: 100):
        parts += 1
    assert parts >= 6  # Over an hour, ten minutes each.
    assert counted("report", "SUCCEEDED") == 1


def test_jobs_beyond_the_limit_share_a_name_and_no_counter_falls_when_it_changes(begun):
    for name in ("first", "second", "third"):
        end(begun, begun.plan(begun.define(name)))
    count(max_jobs=1)
    named = {key.job_name for key in read_tallies().values}
    assert len(named) == 2 and "_other" in named
    assert counted("_other", "SUCCEEDED") == 2
    (alone,) = named - {"_other"}
    for limit in (100, 0):
        count(max_jobs=limit)
        assert counted("_other", "SUCCEEDED") == 2
        assert counted(alone, "SUCCEEDED") == 1


def test_a_deleted_job_gives_its_place_to_another(begun):
    first, late = begun.plan(begun.define("gone"), 2)
    after = begun.plan(begun.define("new"))
    end(begun, [first])
    count(max_jobs=1)
    assert counted("gone", "SUCCEEDED") == 1
    deleted = "UPDATE scheduler_job_definition SET deleted_at = %(at)s WHERE name = 'gone'"
    begun.value(f"{deleted} RETURNING 1", at=datetime.now(UTC))
    end(begun, [late, *after])
    count(max_jobs=1)
    assert {key.job_name for key in read_tallies().values} == {"new", "_other"}
    assert counted("new", "SUCCEEDED") == counted("_other", "SUCCEEDED") == 1


def test_the_newest_end_is_kept_with_the_count(begun):
    one, another = begun.plan(begun.define("report"), 2)
    end(begun, [one])
    count()
    first = read_tallies().values[TallyKey(FINISHED, "report", "SUCCEEDED")].last_at
    assert abs(first - datetime.now(UTC).timestamp()) < 60
    end(begun, [another])
    count()
    assert read_tallies().values[TallyKey(FINISHED, "report", "SUCCEEDED")].last_at > first


def test_how_far_it_is_counted_is_told(begun):
    count()
    until = read_tallies().counted_until
    assert until is not None
    behind = datetime.now(UTC) + timedelta(minutes=1) - until
    assert timedelta(seconds=29) < behind < timedelta(seconds=35)


def test_a_long_time_without_a_leader_is_caught_up_without_a_pause(begun):
    tallier = Tallier(lambda: 100)
    waits = [tallier.tick()]
    while waits[-1] == 0:
        waits.append(tallier.tick())
    assert len(waits) >= 6 and waits[-1] >= 10


def test_a_count_that_takes_long_is_made_less_often():
    assert pause(0.01, 10.0) == 10.0
    assert pause(2.0, 10.0) == 40.0


def test_the_migration_is_all_that_the_models_need(world):
    call_command("makemigrations", "scheduler_monitoring", "--check", "--dry-run", verbosity=0)
