"""One SQL text for two databases: written as PostgreSQL, translated for SQLite.

The statements of this package use a small part of PostgreSQL's SQL on purpose. SQLite's side of
it is either a registered function of the same name (``store.sqlite``) or one of the rewrites
below:

=========================================  ==============================================
PostgreSQL                                 SQLite
=========================================  ==============================================
``%(name)s``                               ``:name``
``x::type``                                ``x``
``FOR SHARE``, ``FOR NO KEY UPDATE OF r``  nothing: the transaction holds the only write lock
``t + make_interval(secs => s)``           ``after(t, s)``
``extract(epoch FROM a - b)``              ``seconds_between(a, b)``
``greatest(a, b)``                         ``max(a, b)``
``RETURNING r.id``                         ``RETURNING id``
``TIMELINE``                               ``0``
=========================================  ==============================================

A batch (many rows in one statement) is a relation of its name: on PostgreSQL ``unnest`` of one
array per column, on SQLite ``json_each`` of one JSON text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol
from uuid import UUID

Columns = Mapping[str, str]
"""Column names of a batch with PostgreSQL's types."""


class Dialect(Protocol):
    def sql(self, text: str) -> str:
        """The text as this database takes it."""

    def batch(self, name: str, columns: Columns) -> str:
        """A SELECT that yields the batch's rows."""

    def batch_params(
        self, name: str, columns: Columns, rows: Sequence[Sequence[Any]]
    ) -> dict[str, Any]: ...

    def value(self, value: Any) -> Any:
        """A parameter as this database's driver takes it."""


class PostgresDialect:
    def sql(self, text: str) -> str:
        return text

    def batch(self, name: str, columns: Columns) -> str:
        arrays = ", ".join(f"%({name}_{column})s::{kind}[]" for column, kind in columns.items())
        return f"SELECT * FROM unnest({arrays}) AS batch({', '.join(columns)})"

    def batch_params(
        self, name: str, columns: Columns, rows: Sequence[Sequence[Any]]
    ) -> dict[str, Any]:
        return {
            f"{name}_{column}": [self.value(row[index]) for row in rows]
            for index, column in enumerate(columns)
        }

    def value(self, value: Any) -> Any:
        return value.value if isinstance(value, Enum) else value


# Not pg_control_checkpoint(): that one learns of a promotion only at the next checkpoint.
TIMELINE = "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
"""PostgreSQL's timeline id, which rises with each fail-over. Raises on a standby."""

_REWRITES = [
    (re.compile(re.escape(TIMELINE)), "0"),
    (re.compile(r"FOR (?:NO KEY UPDATE|SHARE)(?: OF \w+)?"), ""),
    (re.compile(r"::[a-z0-9]+(?:\[\])?"), ""),
    (re.compile(r"%\((\w+)\)s"), r":\1"),
    (re.compile(r"([\w.]+(?:\(\))?) \+ make_interval\(secs => ([^()]+)\)"), r"after(\1, \2)"),
    (
        re.compile(r"extract\(epoch FROM ([\w.]+(?:\(\))?) - ([\w.]+(?:\(\))?)\)"),
        r"seconds_between(\1, \2)",
    ),
    (re.compile(r"\bgreatest\("), "max("),
]
_RETURNING = re.compile(r"\bRETURNING\b.*\Z", re.DOTALL)
_ALIAS = re.compile(r"\b[a-z]\.")


class SqliteDialect:
    def sql(self, text: str) -> str:
        for pattern, replacement in _REWRITES:
            text = pattern.sub(replacement, text)
        return _RETURNING.sub(lambda found: _ALIAS.sub("", found[0]), text)

    def batch(self, name: str, columns: Columns) -> str:
        picks = ", ".join(
            f"json_extract(value, '$[{index}]') AS {column}" for index, column in enumerate(columns)
        )
        return f"SELECT {picks} FROM json_each(:{name}_rows)"

    def batch_params(
        self, name: str, columns: Columns, rows: Sequence[Sequence[Any]]
    ) -> dict[str, Any]:
        return {f"{name}_rows": json.dumps([[self.value(value) for value in row] for row in rows])}

    def value(self, value: Any) -> Any:
        if isinstance(value, UUID):
            return value.hex
        if isinstance(value, datetime):
            return to_text(value)
        if isinstance(value, bool):
            return int(value)
        return value.value if isinstance(value, Enum) else value


def to_text(instant: datetime) -> str:
    """An aware instant as Django writes it into SQLite: UTC, without a zone, without ``T``."""
    return str(instant.astimezone(UTC).replace(tzinfo=None))


def uuid_of(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def maybe_uuid(value: Any) -> UUID | None:
    return None if value is None else uuid_of(value)


def time_of(value: Any) -> datetime:
    """A timestamp column as aware UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def maybe_time(value: Any) -> datetime | None:
    return None if value is None else time_of(value)


def json_of(value: str | None) -> Any:
    """A JSON column that the statement selected as ``::text``."""
    return None if value is None else json.loads(value)
