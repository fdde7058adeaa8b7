"""Alerts as plugins are told of them: each has its place, alerts are kept until they are purged."""

from collections.abc import Sequence

from scheduler.domain.alerts import Alert, AlertSeverity
from scheduler.domain.values import Fence
from scheduler.store.dialects import time_of
from scheduler.store.outbox_reader import OutboxReader, Place
from scheduler.store.sessions import Row
from scheduler.store.statements import Statement

FIRST_TOLD_SECONDS = 3600.0
"""A plugin that is enabled anew is told of what began within the last hour, and from then on."""

WINDOW = Statement("""
    SELECT a.id, a.code, a.severity, a.job_name, a.text, a.since FROM scheduler_alert AS a
    WHERE a.xid >= %(low)s AND a.xid < %(high)s AND a.id > %(last)s
    ORDER BY a.id LIMIT %(limit)s
""")
OLD = Statement(f"""
    SELECT coalesce(max(a.id), 0) FROM scheduler_alert AS a
    WHERE a.at + make_interval(secs => {FIRST_TOLD_SECONDS}) < clock_timestamp()
""")
# Not fenced: it takes nothing from anybody, and the first to write it is right.
BEGIN = Statement("""
    INSERT INTO scheduler_outbox_cursor (plugin, xid_low, xid_high, last_id)
    VALUES (%(reader)s, 0, %(high)s, %(last)s) ON CONFLICT (plugin) DO NOTHING
""")


def reader_name(plugin: str) -> str:
    """The name of a plugin's place among alerts; that among transitions is the plugin's own."""
    return f"alerts:{plugin}"


class SqlAlertOutbox(OutboxReader[Alert]):
    """The alerts of the cluster."""

    window = WINDOW

    def item(self, row: Row) -> Alert:
        return Alert(
            alert_id=row[0],
            code=row[1],
            severity=_severity(row[2]),
            job=row[3] or None,
            text=row[4],
            since=time_of(row[5]),
        )

    def begin(self, reader: str) -> Place:
        high, last = self._horizon(), int(self._session.run(OLD)[0][0])
        self._session.run(BEGIN, reader=reader, high=high, last=last)
        return 0, high, last

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        """Nothing: alerts are history too; ``scheduler_purge`` ends it."""
        return 0


def _severity(text: str) -> AlertSeverity:
    """ERROR also for one that only a newer version of this software knows."""
    return AlertSeverity(text) if text in AlertSeverity else AlertSeverity.ERROR
