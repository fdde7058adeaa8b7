from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import RunState
from scheduler.store.connections import database_from_settings, database_from_url
from scheduler.store.dialects import PostgresDialect, SqliteDialect, time_of, to_text
from scheduler.store.fencing import chunks, until_short
from scheduler.store.postgres import PostgresDatabase
from scheduler.store.sqlite import SqliteDatabase
from scheduler.store.statements import Statement

LATER = datetime(2026, 11, 23, 6, 0, 1, 500, tzinfo=UTC)


@pytest.mark.parametrize(
    ("postgres", "sqlite"),
    [
        ("a = %(name)s::uuid[]", "a = :name"),
        ("x FOR NO KEY UPDATE OF r", "x "),
        ("x FOR SHARE", "x "),
        (
            "r.due_at + make_interval(secs => r.a + r.b) < clock_timestamp()",
            "after(r.due_at, r.a + r.b) < clock_timestamp()",
        ),
        (
            "extract(epoch FROM clock_timestamp() - c.seen)::float8",
            "seconds_between(clock_timestamp(), c.seen)",
        ),
        ("greatest(0, x)", "max(0, x)"),
        (
            "UPDATE t AS r SET a = r.b RETURNING r.id, r.a",
            "UPDATE t AS r SET a = r.b RETURNING id, a",
        ),
    ],
)
def test_postgresql_is_said_in_sqlites_words(postgres: str, sqlite: str):
    assert SqliteDialect().sql(postgres) == sqlite
    assert PostgresDialect().sql(postgres) == postgres


def test_values_are_as_django_keeps_them_in_sqlite():
    value = SqliteDialect().value
    tokyo = timezone(timedelta(hours=9))
    assert value(datetime(2026, 11, 23, 15, 0, tzinfo=tokyo)) == "2026-11-23 06:00:00"
    assert value(LATER) == "2026-11-23 06:00:01.000500"
    assert value(UUID(int=1)) == "0" * 31 + "1"
    assert (value(True), value(RunState.PENDING), value(None)) == (1, "PENDING", None)


@pytest.mark.parametrize("instant", [LATER, LATER.replace(microsecond=0)])
def test_an_instant_comes_back_as_it_went(instant: datetime):
    assert time_of(to_text(instant)) == instant


def test_instants_without_microseconds_sort_before_those_with():
    assert to_text(LATER.replace(microsecond=0)) < to_text(LATER)


class TestAStatementOfSteps:
    statement = Statement(
        batches={"v": {"id": "bigint", "name": "text"}},
        steps={
            "made": "INSERT INTO t (id, name) SELECT v.id, v.name FROM v WHERE true RETURNING id",
            "marked": "UPDATE t AS r SET name = 'x' FROM made AS m WHERE r.id = m.id"
            " AND m.id > %(above)s RETURNING r.id",
        },
        result="SELECT m.id FROM marked AS m ORDER BY m.id",
    )

    @pytest.fixture
    def session(self, tmp_path: Path):
        session = SqliteDatabase(tmp_path / "db.sqlite3").session("read")
        session.run(Statement("CREATE TABLE t (id bigint PRIMARY KEY, name text)"))
        yield session
        session.close()

    def test_gives_its_rows_from_step_to_step(self, session):
        rows = session.run(self.statement, {"v": [(1, "a"), (2, "b")]}, above=1)
        assert rows == [(2,)]
        names = session.run(Statement("SELECT name FROM t ORDER BY id"))
        assert names == [("a",), ("x",)]

    def test_happens_wholly_or_not_at_all(self, session):
        broken = Statement(
            batches=self.statement.batches,
            steps=self.statement.steps,
            result="SELECT missing FROM marked",
        )
        with pytest.raises(DatabaseUnavailable):
            session.run(broken, {"v": [(1, "a")]}, above=0)
        assert session.run(Statement("SELECT count(*) FROM t")) == [(0,)]

    def test_is_one_text_for_postgresql(self):
        text = self.statement.as_one(PostgresDialect())
        assert text.startswith("WITH v AS (SELECT * FROM unnest(%(v_id)s::bigint[], ")
        assert ", made AS (INSERT INTO t" in text
        assert text.endswith("SELECT m.id FROM marked AS m ORDER BY m.id")

    def test_needs_each_batch_that_it_declares(self, session):
        with pytest.raises(KeyError):
            session.run(self.statement, {}, above=0)


def test_the_clock_of_sqlite_is_the_one_that_is_given(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "db.sqlite3", clock=lambda: LATER)
    session = database.session("read")
    ((now, later, apart),) = session.run(
        Statement(
            "SELECT clock_timestamp(), clock_timestamp() + make_interval(secs => 1.5),"
            " extract(epoch FROM clock_timestamp() - clock_timestamp())"
        )
    )
    assert time_of(now) == LATER
    assert time_of(later) == LATER + timedelta(seconds=1.5)
    assert apart == 0
    session.close()


def test_a_writer_that_waits_too_long_for_another_is_told_so(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "db.sqlite3", busy_seconds=0.05)
    session = database.session("worker")
    session.run(Statement("CREATE TABLE t (id bigint)"))
    other = database.connect(0.05)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        session.run(Statement("INSERT INTO t VALUES (1)"))
    other.execute("ROLLBACK")
    other.close()
    session.run(Statement("INSERT INTO t VALUES (1)"))
    session.close()


class TestTheDatabase:
    def test_of_djangos_settings_may_be_sqlite(self):
        database = database_from_settings(
            {"ENGINE": "django.db.backends.sqlite3", "NAME": Path("/x/db.sqlite3")}
        )
        assert isinstance(database, SqliteDatabase)
        assert database.path == Path("/x/db.sqlite3")

    def test_of_djangos_settings_may_be_postgresql(self):
        database = database_from_settings(
            {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "jobs",
                "HOST": "db",
                "PASSWORD": "secret",
                "PORT": "",
                "OPTIONS": {"sslmode": "require", "pool": True},
            }
        )
        assert isinstance(database, PostgresDatabase)
        assert database.where == "db:5432/jobs"

    def test_of_another_engine_is_refused(self):
        with pytest.raises(ValueError, match="mysql"):
            database_from_settings({"ENGINE": "django.db.backends.mysql", "NAME": "x"})

    def test_of_a_url_knows_its_place_but_shows_no_password(self):
        database = database_from_url("postgresql://u:secret@db:5433/jobs")
        assert isinstance(database, PostgresDatabase)
        assert database.where == "db:5433/jobs"


def test_a_long_list_is_cut_into_statements():
    assert list(map(len, chunks(range(2500)))) == [1000, 1000, 500]
    assert list(chunks([])) == []


def test_a_limited_statement_is_repeated_until_it_finds_less_than_its_limit():
    answers = [[1, 2], [3, 4], [5]]
    assert until_short(lambda: answers.pop(0), size=2) == [1, 2, 3, 4, 5]
