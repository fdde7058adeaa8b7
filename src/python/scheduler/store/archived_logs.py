"""Archived logs as plugins are told of them: each has its place, what all have taken goes."""

from collections.abc import Sequence

from scheduler.domain.values import Fence
from scheduler.plugin_api.archive import ArchivedLog
from scheduler.store.dialects import time_of, uuid_of
from scheduler.store.outbox_reader import OutboxReader, forgetting
from scheduler.store.sessions import Row
from scheduler.store.statements import Statement

WINDOW = Statement("""
    SELECT o.id, o.run_id, o.log_ref, o.at FROM scheduler_archived_outbox AS o
    WHERE o.xid >= %(low)s AND o.xid < %(high)s AND o.id > %(last)s
    ORDER BY o.id LIMIT %(limit)s
""")
FORGET = forgetting("scheduler_archived_outbox")


def reader_name(plugin: str) -> str:
    """The name of a plugin's place among archived logs; that among transitions is its own."""
    return f"archived:{plugin}"


class SqlArchivedLogs(OutboxReader[ArchivedLog]):
    """The logs that came to their archive."""

    window = WINDOW

    def item(self, row: Row) -> ArchivedLog:
        return ArchivedLog(run_id=uuid_of(row[1]), log_ref=row[2], at=time_of(row[3]))

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        return self._forget(fence, FORGET, readers)
