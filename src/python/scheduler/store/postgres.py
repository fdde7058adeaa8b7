"""PostgreSQL's side of ``store.sessions``."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from scheduler.domain.errors import DatabaseUnavailable, TimelineChanged
from scheduler.store.dialects import TIMELINE, Dialect, PostgresDialect
from scheduler.store.sessions import Row, Session
from scheduler.store.statements import Batches, Statement

_DEADLOCK_TRIES = 5
_DEADLOCK_PAUSE_SECONDS = 0.05
_NAME_BYTES = 63


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that one purpose's statements may wait for a lock, and may take in all."""

    lock_seconds: float
    statement_seconds: float


TIMEOUTS: Mapping[str, Timeouts] = {
    "cluster": Timeouts(0.5, 3.0),
    "lease": Timeouts(1.0, 2.0),
    "leader": Timeouts(2.0, 15.0),
    "worker": Timeouts(3.0, 15.0),
    "probe": Timeouts(1.0, 2.0),
}
DEFAULT_TIMEOUTS = Timeouts(5.0, 60.0)


def application_name(worker_id: str, purpose: str) -> str:
    """As PostgreSQL keeps it: cut to 63 bytes, the purpose always whole."""
    tail = f"/{purpose}"
    return f"scheduler/{worker_id}"[: _NAME_BYTES - len(tail)] + tail


class PostgresDatabase:
    """``conninfo`` are libpq's parameters; what it sets itself goes over our defaults."""

    vendor = "postgresql"

    def __init__(self, conninfo: Mapping[str, Any], *, worker_id: str = "-") -> None:
        self._conninfo = dict(conninfo)
        self.worker_id = worker_id
        place = f"{conninfo.get('host', 'localhost')}:{conninfo.get('port', 5432)}"
        self.where = f"{place}/{conninfo.get('dbname', '')}"

    def session(self, purpose: str) -> Session:
        return PostgresSession(self, purpose)

    def connect(self, purpose: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A new autocommit connection for one purpose. Raises psycopg.OperationalError."""
        settings = _defaults() | self._conninfo
        settings["options"] = " ".join(
            filter(None, [_options(purpose), self._conninfo.get("options")])
        )
        settings["application_name"] = application_name(self.worker_id, purpose)
        return psycopg.connect(**settings, autocommit=True, row_factory=tuple_row)


def _defaults() -> dict[str, Any]:
    # A dead peer is noticed by the kernel within about three seconds, idle or not.
    keepalives = {"keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 2}
    return {"connect_timeout": 3, "tcp_user_timeout": 3000, **keepalives}


def _options(purpose: str) -> str:
    timeouts = TIMEOUTS.get(purpose, DEFAULT_TIMEOUTS)
    settings = {
        "TimeZone": "UTC",
        "default_transaction_isolation": r"read\ committed",
        "lock_timeout": f"{int(timeouts.lock_seconds * 1000)}ms",
        "statement_timeout": f"{int(timeouts.statement_seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": "2s",
    }
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


class PostgresSession:
    """One connection, opened lazily; see ``store.sessions.Session``."""

    def __init__(self, database: PostgresDatabase, purpose: str) -> None:
        self.dialect: Dialect = PostgresDialect()
        self._database, self._purpose = database, purpose
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._expected: int | None = None
        self._timeline: int | None = None
        self._texts: dict[int, tuple[Statement, str]] = {}

    def run(self, statement: Statement, batches: Batches | None = None, **values: Any) -> list[Row]:
        params = statement.params(self.dialect, values, batches or {})
        text = self._text(statement)
        return self._translated(lambda: self._retrying(text, params))

    def _text(self, statement: Statement) -> str:
        key = id(statement)
        if key not in self._texts:
            self._texts[key] = (statement, statement.as_one(self.dialect))
        return self._texts[key][1]

    def _retrying(self, text: str, params: dict[str, Any]) -> list[Row]:
        for tries_left in reversed(range(_DEADLOCK_TRIES)):
            try:
                return self._execute(text, params)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if not tries_left:
                    raise
                # The other side must get its lock first, else we meet again.
                sleep(_DEADLOCK_PAUSE_SECONDS)
        raise AssertionError("the loop returns or raises")

    def _execute(self, text: str, params: dict[str, Any]) -> list[Row]:
        if self._expected is not None:
            self._check_timeline(self._expected)
        cursor = self._open().execute(text, params)
        return list(cursor.fetchall()) if cursor.description else []

    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect(self._purpose)
            self._timeline = None
        return self._connection

    def expect_timeline(self, timeline: int) -> None:
        self._expected = timeline

    def _check_timeline(self, expected: int) -> None:
        """A fail-over ends all connections: what a connection said of its timeline stays true."""
        if self._ask_timeline() == expected:
            return
        # The connection may be an old one to a server that is gone.
        self.close()
        current = self._ask_timeline()
        if current != expected:
            raise TimelineChanged(self._database.where, expected, current)

    def _ask_timeline(self) -> int:
        connection = self._open()
        if self._timeline is None:
            (self._timeline,) = connection.execute(f"SELECT {TIMELINE}").fetchone() or (0,)
        return self._timeline

    def _translated[T](self, action: Callable[[], T]) -> T:
        try:
            return action()
        except psycopg.errors.UndefinedTable as error:
            why = f"{first_line(error)}; run manage.py migrate"
            raise DatabaseUnavailable(self._database.where, why) from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            # The next connection may find the primary.
            self.close()
            raise DatabaseUnavailable(self._database.where, "it is a standby") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailable(self._database.where, first_line(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


def first_line(error: Exception) -> str:
    """What a person needs of a driver's message."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether the cause of a DatabaseUnavailable was waiting too long for another's lock."""
    return isinstance(error, psycopg.errors.LockNotAvailable)
