"""What the stores need of a database: sessions that run statements.

A ``Database`` says where the RDB is; a ``Session`` is one connection of it, for one thread, opened
when first used and opened again after a loss. Sessions have a purpose (``leader``, ``lease``,
``worker``, ``cluster``, ``read``...); on PostgreSQL it sets the timeouts and is part of the
``application_name``, ``scheduler/<worker id>/<purpose>``.
"""

from collections.abc import Sequence
from typing import Any, Protocol, Self

from scheduler.store.dialects import Dialect
from scheduler.store.statements import Batches, Statement

Row = Sequence[Any]


class Session(Protocol):
    """One autocommit connection. Every method raises DatabaseUnavailable when the RDB does not
    answer; then the outcome is unknown and the next call connects anew."""

    dialect: Dialect

    def run(self, statement: Statement, batches: Batches | None = None, **values: Any) -> list[Row]:
        """Execute the statement, atomically, and return the rows of its result."""

    def expect_timeline(self, timeline: int) -> None:
        """From now on ``run`` executes on this timeline of the RDB only, and raises
        TimelineChanged on another. Costs one question for each new connection."""

    def close(self) -> None:
        """Close the connection; the next ``run`` opens a new one."""


class Database(Protocol):
    """Where the RDB is. Thread-safe; opens nothing by itself."""

    vendor: str
    worker_id: str

    def session(self, purpose: str) -> Session: ...


class Closing:
    """Base of the stores: each owns one session."""

    _session: Session

    def expect_timeline(self, timeline: int) -> None:
        """Execute on this timeline of the RDB only (see ``Session``)."""
        self._session.expect_timeline(timeline)

    def close(self) -> None:
        """Close the connection of this store; it opens again at its next use."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
