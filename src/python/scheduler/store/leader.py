"""The leader's store: its reads and its fenced writes, on one connection."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from scheduler.domain.values import Fence
from scheduler.store.dialects import uuid_of
from scheduler.store.fencing import FENCE, MAX_ROWS, chunks, fenced
from scheduler.store.leader_backfills import BackfillWrites
from scheduler.store.leader_guard import GuardWrites
from scheduler.store.leader_links import LinkStatements
from scheduler.store.leader_plan import PlanWrites
from scheduler.store.leader_reads import NOT_LIVE, LeaderReads
from scheduler.store.leader_runs import RunWrites
from scheduler.store.outbox import CHANGED_COLUMNS, Transition, with_outbox
from scheduler.store.quarantine import COUNTING
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from scheduler.store.upstream_ends import note_ends

ORPHAN = Statement(
    batches={"v": {"id": "uuid", "retry_delay": "float8", "quarantine": "boolean"}},
    steps={
        "f": FENCE,
        "picked": f"""
            SELECT r.id, v.retry_delay, v.quarantine, r.state AS old_state,
                   r.worker_id AS old_worker_id
            FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.state = 'RUNNING' AND {NOT_LIVE}
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = 'ORPHANED', reason = 'WORKER_LOST', finished_at = clock_timestamp(),
                retry_due_at = CASE WHEN r.cancel_requested_at IS NULL
                    THEN clock_timestamp() + make_interval(secs => p.retry_delay) END
            FROM picked AS p WHERE r.id = p.id RETURNING {CHANGED_COLUMNS}
        """,
        "ended": """
            SELECT r.definition_id, 0 AS nr, 0 AS good, 0 AS failed,
                   CASE WHEN p.quarantine THEN 1 ELSE 0 END AS at_once
            FROM picked AS p JOIN changed AS r ON r.id = p.id
        """,
        "noted": note_ends("changed"),
        **COUNTING,
    },
    result="SELECT r.id FROM changed AS r",
)
RETRIES_DUE = Statement("""
    SELECT r.id FROM scheduler_job_run AS r WHERE r.retry_due_at IS NOT NULL
    ORDER BY r.retry_due_at, r.id LIMIT %(limit)s
""")
SPAWN_RETRIES = Statement(
    batches={"v": {"id": "uuid", "next_id": "uuid"}},
    steps={
        "f": FENCE,
        "picked": """
            SELECT r.id, v.next_id, r.definition_id, r.slot_key, r.attempt, r.state,
                   r.scheduled_for, r.scheduled_until, r.slot_count, r.retry_due_at, r.orphan_count
            FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.retry_due_at IS NOT NULL
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "cleared": """
            UPDATE scheduler_job_run AS r SET retry_due_at = NULL
            FROM picked AS p WHERE r.id = p.id RETURNING r.id
        """,
        # A deleted definition starts nothing more.
        "inserted": """
            INSERT INTO scheduler_job_run AS r
                (id, definition_id, slot_key, attempt, state, scheduled_for, scheduled_until,
                 slot_count, due_at, retry_of, orphan_count)
            SELECT p.next_id, p.definition_id, p.slot_key, p.attempt + 1, 'PENDING',
                   p.scheduled_for, p.scheduled_until, p.slot_count, p.retry_due_at, p.id,
                   p.orphan_count + CASE WHEN p.state = 'ORPHANED' THEN 1 ELSE 0 END
            FROM picked AS p JOIN cleared AS c ON c.id = p.id
            JOIN scheduler_job_definition AS d ON d.id = p.definition_id
            WHERE d.deleted_at IS NULL
            ON CONFLICT (definition_id, slot_key, attempt) DO NOTHING
            RETURNING r.id, r.retry_of
        """,
        "carried": """
            INSERT INTO scheduler_job_run_detail (run_id, args, event_id)
            SELECT r.id, x.args, x.event_id FROM inserted AS r
            JOIN scheduler_job_run_detail AS x ON x.run_id = r.retry_of
            WHERE x.args IS NOT NULL OR x.event_id IS NOT NULL
            ON CONFLICT (run_id) DO NOTHING
        """,
    },
    result="SELECT c.id, r.id FROM cleared AS c LEFT JOIN inserted AS r ON r.retry_of = c.id",
)


class SqlLeaderStore(
    LeaderReads, LinkStatements, RunWrites, PlanWrites, GuardWrites, BackfillWrites
):
    """``ports.LeaderStore``. One thread. ``new_id`` makes the ids of retries (UUIDv7)."""

    def __init__(
        self,
        database: Database,
        *,
        declared_transitions: Collection[Transition] = (),
        new_id: Callable[[], UUID] = uuid7,
    ) -> None:
        self._session = database.session("leader")
        self._new_id = new_id
        declared = tuple(declared_transitions)
        self._declare(declared)
        self._declare_plan(declared)
        self._declare_guard(declared)
        self._orphan = with_outbox(ORPHAN, declared)

    def orphan(self, fence: Fence, runs: Sequence[tuple[UUID, float | None, bool]]) -> list[UUID]:
        return [
            uuid_of(row[0])
            for part in chunks(runs)
            for row in fenced(self._session, fence, self._orphan, {"v": part})
        ]

    def spawn_retries(self, fence: Fence, limit: int) -> list[UUID]:
        """At most MAX_ROWS at a time; returns the ids of the new runs."""
        due = self._session.run(RETRIES_DUE, limit=min(limit, MAX_ROWS))
        if not due:
            return []
        pairs = [(uuid_of(row[0]), self._new_id()) for row in due]
        rows = fenced(self._session, fence, SPAWN_RETRIES, {"v": pairs})
        return [uuid_of(row[1]) for row in rows if row[1] is not None]
