"""The migrations, as they stand, give the tables that the models describe."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from time import monotonic, sleep

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from scheduler.models import Cluster, JobDefinition, JobRun

DATABASES = ["django_sqlite", pytest.param("django_postgres", marks=pytest.mark.postgres)]


HISTORY = "scheduler_run_history"


@pytest.fixture(params=DATABASES)
def migrated(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


def test_no_change_of_a_model_lacks_its_migration(migrated):
    call_command("makemigrations", "scheduler", check=True, dry_run=True, stdout=StringIO())


def test_all_are_applied_and_the_cluster_has_its_row(migrated):
    assert Cluster.objects.get().pk == 1


def test_a_definition_needs_only_its_name_and_command(migrated):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scheduler_job_definition (name, command_name) VALUES ('a', 'noop')"
        )
    definition = JobDefinition.objects.get()
    assert definition.next_fire_at is not None
    assert (definition.required_labels, definition.queue) == ({}, "default")
    assert definition.edited_at is not None
    definition.full_clean()


def test_two_definitions_may_share_a_name_once_one_is_deleted(migrated):
    first = JobDefinition.objects.create(name="a", command_name="noop")
    JobDefinition.objects.filter(pk=first.pk).update(deleted_at=first.created_at)
    JobDefinition.objects.create(name="a", command_name="noop")
    assert JobDefinition.objects.count() == 2


def test_ids_of_runs_rise_with_time(migrated):
    definition = JobDefinition.objects.create(name="a", command_name="noop")
    ids = [
        JobRun.objects.create(
            definition=definition,
            slot_key=f"t:{number}",
            scheduled_for=definition.planned_until,
            due_at=definition.planned_until,
        ).pk
        for number in range(5)
    ]
    assert ids == sorted(ids)


def migrate(to: str) -> None:
    call_command("migrate", "scheduler", to, verbosity=0)


def history_is_indexed() -> bool:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, JobRun._meta.db_table)
    return HISTORY in found


def rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def validity() -> list[tuple[object, ...]]:
    """Of the index of the history, on PostgreSQL: whether it is finished."""
    return rows(f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{HISTORY}')")


def wait_for(said: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not said():
        assert monotonic() < deadline, "it did not come to pass"
        sleep(0.02)


def test_the_index_of_the_history_goes_and_comes_back(migrated):
    assert history_is_indexed()
    migrate("0009")
    assert not history_is_indexed()
    migrate("0010")
    assert history_is_indexed()


@pytest.mark.postgres
def test_an_index_whose_build_was_interrupted_is_built_anew(django_postgres):
    migrate("0009")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {HISTORY} ON scheduler_job_run (id)")
        cursor.execute(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{HISTORY}'::regclass"
        )
    migrate("0010")
    assert validity() == [(True,)]
    assert "definition_id, id DESC" in str(rows(f"SELECT pg_get_indexdef('{HISTORY}'::regclass)"))


@pytest.mark.postgres
def test_runs_are_written_while_the_index_of_their_history_is_built(django_postgres):
    migrate("0009")
    definition = JobDefinition.objects.create(name="a", command_name="noop")

    def write(number: int) -> None:
        at = definition.planned_until
        JobRun.objects.create(
            definition=definition, slot_key=f"t:{number}", scheduled_for=at, due_at=at
        )

    def write_without_waiting(number: int) -> None:
        try:
            rows("SELECT set_config('lock_timeout', '5s', false)")
            write(number)
        finally:
            connection.close()

    def build() -> None:
        try:
            migrate("0010")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            write(1)
            building = pool.submit(build)
            wait_for(lambda: validity() == [(False,)] or building.done())
            assert not building.done()
            pool.submit(write_without_waiting, 2).result(30)
        building.result(30)
    assert validity() == [(True,)]
    assert JobRun.objects.count() == 2
