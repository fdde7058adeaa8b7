"""SQLite's side of ``store.sessions``: for one host.

Writers take turns (BEGIN IMMEDIATE), the file is in WAL mode and each commit is synced. The clock
of the database is a function of ours, so that a simulation can drive the real statements with a
time of its own.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.store.dialects import Dialect, SqliteDialect, time_of, to_text
from scheduler.store.sessions import Row, Session
from scheduler.store.statements import Batches, Statement, with_relations


def system_clock() -> datetime:
    return datetime.now(UTC)


class SqliteDatabase:
    """``clock`` gives the RDB's time, aware. ``synchronous`` is SQLite's pragma: FULL survives a
    crash of the machine, OFF is for tests. ``busy_seconds`` is how long a writer waits its turn."""

    vendor = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        worker_id: str = "-",
        clock: Callable[[], datetime] = system_clock,
        synchronous: str = "FULL",
        busy_seconds: float = 5.0,
    ) -> None:
        self.path, self.worker_id, self.clock = path, worker_id, clock
        self.where = str(path)
        self._synchronous, self._busy_seconds = synchronous, busy_seconds

    def session(self, purpose: str) -> Session:
        # A contender for leadership must not wait long for a writer that stopped.
        busy = min(self._busy_seconds, 0.5) if purpose == "cluster" else self._busy_seconds
        return SqliteSession(self, busy)

    def connect(self, busy_seconds: float) -> sqlite3.Connection:
        """A new autocommit connection. Raises sqlite3.OperationalError."""
        connection = sqlite3.connect(
            self.path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        for name, arity, function in self._functions():
            connection.create_function(name, arity, function)
        return connection

    def _functions(self) -> list[tuple[str, int, Callable[..., Any]]]:
        return [
            ("clock_timestamp", 0, lambda: to_text(self.clock())),
            ("after", 2, _after),
            ("seconds_between", 2, _seconds_between),
            ("pg_backend_pid", 0, os.getpid),
            ("pg_current_xact_id", 0, lambda: 0),
        ]


def _after(instant: str | None, seconds: float | None) -> str | None:
    if instant is None or seconds is None:
        return None
    return to_text(time_of(instant) + timedelta(seconds=seconds))


def _seconds_between(later: str | None, earlier: str | None) -> float | None:
    if later is None or earlier is None:
        return None
    return (time_of(later) - time_of(earlier)).total_seconds()


class SqliteSession:
    """One connection, opened lazily; see ``store.sessions.Session``."""

    def __init__(self, database: SqliteDatabase, busy_seconds: float) -> None:
        self.dialect: Dialect = SqliteDialect()
        self._database, self._busy_seconds = database, busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._texts: dict[tuple[str, ...], str] = {}

    def run(self, statement: Statement, batches: Batches | None = None, **values: Any) -> list[Row]:
        params = statement.params(self.dialect, values, batches or {})
        try:
            if statement.writes:
                return self._in_turn(statement, params)
            return self._steps(statement, params)
        except sqlite3.OperationalError as error:
            self.close()
            raise DatabaseUnavailable(self._database.where, _explained(error)) from error

    def expect_timeline(self, timeline: int) -> None:
        """SQLite never fails over."""

    def _in_turn(self, statement: Statement, params: dict[str, Any]) -> list[Row]:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = self._steps(statement, params)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return rows

    def _steps(self, statement: Statement, params: dict[str, Any]) -> list[Row]:
        relations = {
            name: self.dialect.batch(name, columns) for name, columns in statement.batches.items()
        }
        for name, text in statement.steps.items():
            cursor = self._execute(relations, text, params)
            columns = {column[0]: "" for column in cursor.description or ()}
            if columns:
                relations[name] = self.dialect.batch(name, columns)
                params |= self.dialect.batch_params(name, columns, cursor.fetchall())
        return list(self._execute(relations, statement.result, params).fetchall())

    def _execute(
        self, relations: Mapping[str, str], text: str, params: dict[str, Any]
    ) -> sqlite3.Cursor:
        key = (text, *relations.values())
        if key not in self._texts:
            self._texts[key] = with_relations(relations, self.dialect.sql(text))
        return self._open().execute(self._texts[key], params)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._database.connect(self._busy_seconds)
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _explained(error: sqlite3.OperationalError) -> str:
    missing = str(error).startswith("no such table")
    return f"{error}; run manage.py migrate" if missing else str(error)


def is_busy(error: BaseException | None) -> bool:
    """Whether the cause of a DatabaseUnavailable was another writer that holds the file."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
