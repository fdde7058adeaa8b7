"""Reading the outbox in an order that neither loses nor reverses a run's transitions.

Ids are given out before commits, so "all with an id above the last one I read" would miss a
transaction that was slow to commit. A reader therefore goes by windows of transaction ids
``[xid_low, xid_high)`` whose upper end lies at or below ``pg_snapshot_xmin``: every transaction in
such a window has ended, and nothing can be added to it. Within a window it goes by row id, which
for one run rises with its transitions: the row lock of the run lets the second insert only after
the first has committed. A later window holds later transitions of the run for the same reason.
(So one long write transaction, anywhere on the PostgreSQL server, holds up what is told.)

SQLite has one writer at a time: there all rows have xid 0 and the window is ``[0, 1)``.
"""

from collections.abc import Sequence
from typing import ClassVar

from scheduler.domain.values import Fence, RunState, RunTransition
from scheduler.ports import OutboxBatch
from scheduler.store.dialects import time_of, uuid_of
from scheduler.store.fencing import FENCE, MAX_ROWS, fenced
from scheduler.store.sessions import Closing, Database, Row
from scheduler.store.statements import Statement

Place = tuple[int, int, int]
"""``xid_low, xid_high, last_id``: all of ``[0, xid_low)`` is read, and of ``[xid_low, xid_high)``
what has an id up to ``last_id``."""

CURSOR = Statement("""
    SELECT c.xid_low, c.xid_high, c.last_id FROM scheduler_outbox_cursor AS c
    WHERE c.plugin = %(reader)s
""")
HORIZON = Statement("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
WINDOW = Statement("""
    SELECT o.id, o.run_id, o.definition_id, d.name, o.attempt, o.old_state, o.new_state, o.reason,
           o.worker_id, o.at
    FROM scheduler_run_outbox AS o
    LEFT JOIN scheduler_job_definition AS d ON d.id = o.definition_id
    WHERE o.xid >= %(low)s AND o.xid < %(high)s AND o.id > %(last)s
    ORDER BY o.id LIMIT %(limit)s
""")
TAKEN = Statement(
    steps={
        "f": FENCE,
        "moved": """
            INSERT INTO scheduler_outbox_cursor (plugin, xid_low, xid_high, last_id)
            SELECT %(reader)s, %(low)s, %(high)s, %(last)s FROM f WHERE true
            ON CONFLICT (plugin) DO UPDATE SET xid_low = excluded.xid_low,
                xid_high = excluded.xid_high, last_id = excluded.last_id
            RETURNING plugin
        """,
    },
    result="SELECT m.plugin FROM moved AS m",
)


def forgetting(table: str) -> Statement:
    """Deletes the rows of an outbox that all readers in ``v`` have taken."""
    return Statement(
        batches={"v": {"reader": "text"}},
        steps={
            "f": FENCE,
            "done": f"""
                SELECT o.id FROM {table} AS o, f
                WHERE (SELECT count(*) FROM v) = (
                    SELECT count(*) FROM scheduler_outbox_cursor AS c JOIN v ON v.reader = c.plugin
                    WHERE o.xid < c.xid_low OR (o.xid < c.xid_high AND o.id <= c.last_id))
                ORDER BY o.id LIMIT %(limit)s
            """,
            "gone": f"DELETE FROM {table} WHERE id IN (SELECT done.id FROM done) RETURNING id",
        },
        result="SELECT g.id FROM gone AS g",
    )


FORGET = forgetting("scheduler_run_outbox")


class OutboxReader[T](Closing):
    """``ports.Outbox`` over one table of rows with ``id`` and ``xid``. One thread."""

    window: ClassVar[Statement]
    """The rows of a window above ``last``, their ids first."""

    def __init__(self, database: Database, *, purpose: str = "outbox") -> None:
        self._session = database.session(purpose)
        self._one_writer = database.vendor == "sqlite"

    def item(self, row: Row) -> T:
        """What a row of the window says."""
        raise NotImplementedError

    def begin(self, reader: str) -> Place:
        """Where a reader begins that has never taken anything."""
        return 0, 0, 0

    def unread(self, reader: str, limit: int) -> OutboxBatch[T]:
        found = self._session.run(CURSOR, reader=reader)
        low, high, last = found[0] if found else self.begin(reader)
        rows = self._rows(low, high, last, limit)
        if not rows and (horizon := self._horizon()) > high:
            low, high, last = high, horizon, 0
            rows = self._rows(low, high, last, limit)
        end = rows[-1][0] if rows else last
        return OutboxBatch(tuple(map(self.item, rows)), (low, high, end))

    def taken(self, fence: Fence, reader: str, place: Place) -> None:
        low, high, last = place
        fenced(self._session, fence, TAKEN, reader=reader, low=low, high=high, last=last)

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        raise NotImplementedError

    def _forget(self, fence: Fence, statement: Statement, readers: Sequence[str]) -> int:
        batches = {"v": [(reader,) for reader in readers]}
        return len(fenced(self._session, fence, statement, batches, limit=MAX_ROWS))

    def _horizon(self) -> int:
        return 1 if self._one_writer else int(self._session.run(HORIZON)[0][0])

    def _rows(self, low: int, high: int, last: int, limit: int) -> list[Row]:
        return self._session.run(self.window, low=low, high=high, last=last, limit=limit)


class SqlOutbox(OutboxReader[RunTransition]):
    """The transitions that plugins declared."""

    window = WINDOW

    def item(self, row: Row) -> RunTransition:
        return _transition(row)

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        return self._forget(fence, FORGET, readers)


def _transition(row: Row) -> RunTransition:
    return RunTransition(
        run_id=uuid_of(row[1]),
        definition_id=row[2],
        job_name=row[3] or "",
        attempt=row[4],
        old=RunState(row[5]),
        new=RunState(row[6]),
        reason=row[7],
        worker_id=row[8],
        at=time_of(row[9]),
    )
