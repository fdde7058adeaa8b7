"""What the migrations promise of PostgreSQL's tables."""

from collections.abc import Iterator

import psycopg
import pytest

from scheduler.store.connections import database_from_url
from scheduler.store.statements import Statement
from tests.contract.store.world import World

pytestmark = pytest.mark.postgres


@pytest.fixture
def world(postgres) -> Iterator[World]:
    world = World(database_from_url(postgres.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()


def test_the_way_of_a_run_to_its_start_touches_no_index(world: World, postgres):
    """Each of these updates is HOT: an index on a changed column would show here."""
    runs = world.plan(world.define(), 20)
    for run in runs:
        world.start([run])
    for part in (world.leader, world.workers):
        part._session.run(Statement("SELECT pg_stat_force_next_flush()::text"))
    with postgres.connect() as connection:
        updates, hot = connection.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
            " WHERE relname = 'scheduler_job_run'"
        ).fetchone()
    assert updates == 40
    assert hot == 40


def test_runs_have_few_indexes(postgres):
    with postgres.connect() as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'scheduler_job_run'"
        ).fetchone()
    assert count <= 5


def test_there_is_one_cluster_row_and_never_a_second(postgres):
    with postgres.connect() as connection:
        assert connection.execute("SELECT id, epoch FROM scheduler_cluster").fetchall() == [(1, 0)]
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO scheduler_cluster (id) VALUES (2)")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("scheduler_job_run", "state = 'DREAMING'"),
        ("scheduler_job_run", "state = 'SUCCEEDED'"),
        ("scheduler_job_run", "finished_at = now()"),
        ("scheduler_job_definition", "concurrency_policy = 'maybe'"),
        ("scheduler_job_definition", "misfire_policy = 'maybe'"),
        ("scheduler_worker_lease", "state = 'SLEEPING'"),
        ("scheduler_worker_lease", "desired = 'gone'"),
    ],
)
def test_words_that_have_no_meaning_are_refused(world: World, postgres, table: str, change: str):
    world.plan(world.define())
    with postgres.connect() as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"UPDATE {table} SET {change}")


def test_a_slot_has_one_row_for_each_attempt(world: World, postgres):
    world.plan(world.define())
    copy = (
        "INSERT INTO scheduler_job_run"
        " (id, definition_id, slot_key, attempt, scheduled_for, due_at)"
        " SELECT gen_random_uuid(), definition_id, slot_key, attempt, scheduled_for, due_at"
        " FROM scheduler_job_run"
    )
    with postgres.connect() as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(copy)


def test_every_column_that_is_not_given_has_a_default_in_the_database(postgres):
    """So that an older version of this software can insert while a newer one is deployed."""
    with postgres.connect() as connection:
        found = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_name LIKE 'scheduler_%' AND is_nullable = 'NO'"
            " AND column_default IS NULL AND is_identity = 'NO'"
        ).fetchall()
    needed = {f"{table}.{column}" for table, column in found}
    assert not {name for name in needed if name.startswith("scheduler_cluster.")}
    assert "scheduler_job_definition.revision" not in needed
    assert "scheduler_job_run.state" not in needed
    assert "scheduler_job_run.slot_key" in needed
