"""What is older than its retention goes, a batch at a time; ``domain.retention`` says what may."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scheduler.domain.lineage import ranges_until
from scheduler.store.newest_slots import newest_in_range
from scheduler.store.sessions import Closing, Database
from scheduler.store.statements import Statement

CLOCKS_APART = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of history: how many rows may go, and a batch of them going."""

    name: str
    count: Statement
    delete: Statement


def _kind(
    name: str,
    table: str,
    key: str,
    old: str,
    belongings: Mapping[str, str],
    kept: Mapping[str, str] | None = None,
) -> Kind:
    """``old`` may ask the relations of ``kept``, and those the batch ``v``: slot keys ``low`` to
    ``high`` of each family up to the cutoff."""
    picked = f"SELECT {key} AS id FROM {table} WHERE {old} ORDER BY {key} LIMIT %(limit)s"
    first, batches = kept or {}, {"v": {"low": "text", "high": "text"}} if kept else {}
    return Kind(
        name,
        count=Statement(f"SELECT count(*) FROM {table} WHERE {old}", first, batches),
        delete=Statement(
            batches=batches,
            steps={
                **first,
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
_OF_WORKERS = {
    "plugins": "DELETE FROM scheduler_plugin_state"
    " WHERE worker_id IN (SELECT p.id FROM picked AS p)"
}
_OF_BACKFILLS = {
    "slots": "DELETE FROM scheduler_backfill_slot"
    " WHERE backfill_id IN (SELECT p.id FROM picked AS p)"
}
# What a dependent may ask for by ``latest``, whose own slot is at the cutoff or later: the newest
# slot of each family at the cutoff, with all runs of its root, for they have its outcome together.
_LATEST = {
    "newest": f"""
        SELECT u.upstream_id, {newest_in_range("n.slot_key", "u.upstream_id")} AS slot_key
        FROM (SELECT DISTINCT y.upstream_id FROM scheduler_dependency AS y
              WHERE y.match = 'latest') AS u CROSS JOIN v
    """,
    "roots": """
        SELECT s.upstream_id, CASE WHEN substr(s.slot_key, 1, 2) = 'd:' THEN substr(s.slot_key, 3)
                                   ELSE s.slot_key END AS root
        FROM newest AS s WHERE s.slot_key IS NOT NULL
    """,
    "latest": """
        SELECT r.id FROM roots AS s JOIN scheduler_job_run AS r
          ON r.definition_id = s.upstream_id
             AND (r.slot_key = s.root OR r.slot_key = 'd:' || s.root
                  OR r.slot_key >= 'm:' || s.root || ':' AND r.slot_key <= 'm:' || s.root || ':g')
    """,
}
# Ids are made before a run ends: the range of the key spares a look at all that is younger.
# What others depend on stays while the leader has not looked at its end.
_OLD_RUNS = """
    id < %(before_id)s AND finished_at < %(cutoff)s AND retry_due_at IS NULL
    AND id NOT IN (SELECT e.run_id FROM scheduler_upstream_end AS e)
    AND id NOT IN (SELECT k.id FROM latest AS k)
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
    _kind("runs", "scheduler_job_run", "id", _OLD_RUNS, _OF_RUNS, _LATEST),
    _kind("requests", "scheduler_run_request", "id", "handled_at < %(cutoff)s", {}),
    _kind("backfills", "scheduler_backfill", "id", "fed_at < %(cutoff)s", _OF_BACKFILLS),
    _kind("events", "scheduler_event", "id", _OLD_EVENTS, {}),
    _kind("audit rows", "scheduler_admin_action", "id", "at < %(cutoff)s", {}),
    _kind(
        "ended workers", "scheduler_worker_lease", "worker_id", "ended_at < %(cutoff)s", _OF_WORKERS
    ),
    _kind("alerts", "scheduler_alert", "id", "at < %(cutoff)s", {}),
)


class SqlRetention(Closing):
    """Counts and deletes old history. One thread."""

    def __init__(self, database: Database) -> None:
        self._session = database.session("retention")

    def count(self, kind: Kind, cutoff: datetime) -> int:
        """How many rows of this kind may go."""
        return self._run(kind.count, cutoff)

    def delete_batch(self, kind: Kind, cutoff: datetime, limit: int) -> int:
        """Delete at most ``limit`` rows, the oldest; returns how many went."""
        return self._run(kind.delete, cutoff, limit=limit)

    def _run(self, statement: Statement, cutoff: datetime, **values: int) -> int:
        batches = {"v": [(each.low, each.high) for each in ranges_until(0, cutoff)]}
        values_of_all = {"cutoff": cutoff, "before_id": _before(cutoff)}
        rows = self._session.run(statement, batches, **values_of_all, **values)
        return int(rows[0][0])


def _before(cutoff: datetime) -> UUID:
    """Above the UUIDv7 of every run that ended before ``cutoff``, clocks being apart or not."""
    return UUID(int=int((cutoff + CLOCKS_APART).timestamp() * 1000) << 80)
