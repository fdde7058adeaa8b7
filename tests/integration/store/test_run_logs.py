"""What the database knows of runs whose logs somebody holds, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.models import ArchivedLogOutbox, JobDefinition, JobRun, JobRunDetail, WorkerLease
from scheduler.models.runs import new_id
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.plugin import Plugin
from scheduler.queries.run_logs import run_log_states
from scheduler.requests.run_logs import record_log_refs

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"django_{request.param}")


def a_run(**values: Any):
    definition, _ = JobDefinition.objects.get_or_create(name="集計", command_name="noop")
    run = new_id()
    given = {"slot_key": f"t:{run}", "scheduled_for": NOW, "due_at": NOW, "state": "RUNNING"}
    JobRun.objects.create(id=run, definition=definition, **{**given, **values})
    return run


def test_states_say_who_has_ended_where_the_log_is_and_whether_its_worker_lives(database):
    for worker, state in (("w-lives", "LIVE"), ("w-lost", "LOST")):
        WorkerLease.objects.create(
            worker_id=worker,
            node_id="n",
            hostname="h",
            pid=1,
            grpc_address="a",
            capacity=1,
            lease_seconds=1,
            margin_seconds=1,
            state=state,
        )
    open_run = a_run(worker_id="w-lives")
    lost = a_run(worker_id="w-lost", state="ORPHANED", finished_at=NOW)
    JobRunDetail.objects.create(run_id=lost, log_ref="http://x/y.log")
    states = run_log_states([open_run, lost, new_id()])
    assert set(states) == {open_run, lost}
    assert (states[open_run].ended, states[open_run].log_ref) == (False, "")
    assert (states[open_run].job_name, states[open_run].worker_lives) == ("集計", True)
    assert (states[lost].ended_at, states[lost].log_ref) == (NOW, "http://x/y.log")
    assert not states[lost].worker_lives


def test_many_runs_are_asked_for_by_few_queries(database, django_assert_num_queries):
    wanted = [new_id() for _ in range(2500)]
    with django_assert_num_queries(3):
        assert run_log_states(wanted) == {}


def test_addresses_are_recorded_once_and_again_and_only_for_runs_that_are_there(database):
    run, purged = a_run(), new_id()
    for address in ("http://one", "http://two", "http://two"):
        record_log_refs({run: address, purged: "http://never"})
    assert list(JobRunDetail.objects.values_list("run_id", "log_ref")) == [(run, "http://two")]


class Hears(Plugin):
    name = "hears"

    @hookimpl
    def scheduler_logs_archived(self, logs):
        raise AssertionError("told by the leader only")


def told() -> list[tuple[Any, str]]:
    return list(ArchivedLogOutbox.objects.order_by("pk").values_list("run_id", "log_ref"))


def test_without_a_plugin_that_hears_of_it_nothing_is_written_down(database):
    record_log_refs({a_run(): "http://one"})
    assert told() == []


def test_a_plugin_is_to_be_told_of_each_new_address_once(database, monkeypatch):
    host = PluginHost.load(["hears"], {"hears": lambda: Hears})
    monkeypatch.setattr("scheduler.requests.run_logs.plugin_host", lambda: host)
    run, purged = a_run(), new_id()
    for address in ("http://one", "http://one", "http://two"):
        record_log_refs({run: address, purged: "http://never"})
    assert told() == [(run, "http://one"), (run, "http://two")]


def test_what_else_is_known_of_a_run_stays(database):
    run = a_run()
    JobRunDetail.objects.create(run_id=run, error="broke", args={"a": 1}, cpu_user_seconds=2.5)
    record_log_refs({run: "http://x"})
    kept = JobRunDetail.objects.get(pk=run)
    assert (kept.error, kept.args, kept.cpu_user_seconds) == ("broke", {"a": 1}, 2.5)


def test_a_database_that_fails_is_said_in_our_words_and_asked_anew(database):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE scheduler_job_run RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailable):
        run_log_states([new_id()])
    with pytest.raises(DatabaseUnavailable):
        record_log_refs({new_id(): "http://x"})
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO scheduler_job_run")
    assert run_log_states([new_id()]) == {}
