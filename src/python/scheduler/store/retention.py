"""What is older than its retention goes, a batch at a time; ``domain.retention`` says what may."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scheduler.store.sessions import Closing, Database
from scheduler.store.statements import Statement

CLOCKS_APART = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of history: how many rows may go, and a batch of them going."""

    name: str
    count: Statement
    delete: Statement


def _kind(name: str, table: str, key: str, old: str, belongings: dict[str, str]) -> Kind:
    picked = f"SELECT {key} AS id FROM {table} WHERE {old} ORDER BY {key} LIMIT %(limit)s"
    return Kind(
        name,
        count=Statement(f"SELECT count(*) FROM {table} WHERE {old}"),
        delete=Statement(
            steps={
                "picked": picked,
                **belongings,
                # The condition again: what changed since it was picked stays.
                "gone": f"DELETE FROM {table} WHERE {key} IN (SELECT p.id FROM picked AS p)"
                f" AND {old} RETURNING {key}",
            },
            result="SELECT count(*) FROM gone",
        ),
    )


_OF_RUNS = {
    "details": "DELETE FROM scheduler_job_run_detail WHERE run_id IN (SELECT p.id FROM picked AS p)"
}
_OF_BACKFILLS = {
    "slots": "DELETE FROM scheduler_backfill_slot"
    " WHERE backfill_id IN (SELECT p.id FROM picked AS p)"
}
# Ids are made before a run ends: the range of the key spares a look at all that is younger.
# What others depend on stays while the leader has not looked at its end, and its newest run for as
# long as a dependent may ask for the latest.
_OLD_RUNS = """
    id < %(before_id)s AND finished_at < %(cutoff)s AND retry_due_at IS NULL
    AND id NOT IN (SELECT e.run_id FROM scheduler_upstream_end AS e)
    AND (definition_id NOT IN (SELECT y.upstream_id FROM scheduler_dependency AS y
                               WHERE y.match = 'latest')
         OR EXISTS (SELECT 1 FROM scheduler_job_run AS n
                    WHERE n.definition_id = scheduler_job_run.definition_id
                      AND n.id > scheduler_job_run.id))
"""

# A run that is not over, or has another attempt to come, will ask for its event.
_EVENTS_IN_USE = """
    SELECT x.event_id FROM scheduler_job_run AS r
    JOIN scheduler_job_run_detail AS x ON x.run_id = r.id
    WHERE r.finished_at IS NULL AND x.event_id IS NOT NULL
    UNION ALL
    SELECT x.event_id FROM scheduler_job_run AS r
    JOIN scheduler_job_run_detail AS x ON x.run_id = r.id
    WHERE r.retry_due_at IS NOT NULL AND x.event_id IS NOT NULL
    UNION ALL
    SELECT q.event_id FROM scheduler_run_request AS q
    WHERE q.handled_at IS NULL AND q.event_id IS NOT NULL
"""
_OLD_EVENTS = f"handled_at < %(cutoff)s AND id NOT IN ({_EVENTS_IN_USE})"

KINDS = (
    _kind("runs", "scheduler_job_run", "id", _OLD_RUNS, _OF_RUNS),
    _kind("requests", "scheduler_run_request", "id", "handled_at < %(cutoff)s", {}),
    _kind("backfills", "scheduler_backfill", "id", "fed_at < %(cutoff)s", _OF_BACKFILLS),
    _kind("events", "scheduler_event", "id", _OLD_EVENTS, {}),
    _kind("audit rows", "scheduler_admin_action", "id", "at < %(cutoff)s", {}),
    _kind("ended workers", "scheduler_worker_lease", "worker_id", "ended_at < %(cutoff)s", {}),
    _kind("alerts", "scheduler_alert", "id", "at < %(cutoff)s", {}),
)


class SqlRetention(Closing):
    """Counts and deletes old history. One thread."""

    def __init__(self, database: Database) -> None:
        self._session = database.session("retention")

    def count(self, kind: Kind, cutoff: datetime) -> int:
        """How many rows of this kind may go."""
        rows = self._session.run(kind.count, cutoff=cutoff, before_id=_before(cutoff))
        return int(rows[0][0])

    def delete_batch(self, kind: Kind, cutoff: datetime, limit: int) -> int:
        """Delete at most ``limit`` rows, the oldest; returns how many went."""
        rows = self._session.run(kind.delete, cutoff=cutoff, before_id=_before(cutoff), limit=limit)
        return int(rows[0][0])


def _before(cutoff: datetime) -> UUID:
    """Above the UUIDv7 of every run that ended before ``cutoff``, clocks being apart or not."""
    return UUID(int=int((cutoff + CLOCKS_APART).timestamp() * 1000) << 80)
