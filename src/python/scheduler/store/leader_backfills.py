"""Backfills as the leader sees them: which have slots left, and the next slots as requests."""

from collections.abc import Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from scheduler.domain.values import Fence
from scheduler.ports import BackfillRow
from scheduler.store.dialects import uuid_of
from scheduler.store.fencing import FENCE, fenced
from scheduler.store.sessions import Closing
from scheduler.store.statements import Statement

OPEN_BACKFILLS = Statement("""
    SELECT b.id, b.pace, d.concurrency_policy, d.deleted_at IS NOT NULL
    FROM scheduler_backfill AS b JOIN scheduler_job_definition AS d ON d.id = b.definition_id
    WHERE b.fed_at IS NULL ORDER BY b.requested_at, b.id LIMIT %(limit)s
""")
# What is open is found by the small indexes of what is open, not by the backfills' slots.
UNDER_WAY = Statement("""
    SELECT x.backfill, count(*) FROM (
        SELECT substr(r.slot_key, 3, 36) AS backfill FROM scheduler_job_run AS r
        WHERE r.finished_at IS NULL AND r.slot_key LIKE 'b:%%'
        UNION ALL
        SELECT substr(r.slot_key, 3, 36) FROM scheduler_job_run AS r
        WHERE r.retry_due_at IS NOT NULL AND r.finished_at IS NOT NULL AND r.slot_key LIKE 'b:%%'
        UNION ALL
        SELECT substr(q.slot_key, 3, 36) FROM scheduler_run_request AS q
        WHERE q.handled_at IS NULL AND q.slot_key LIKE 'b:%%'
    ) AS x GROUP BY x.backfill
""")
NEXT_SLOTS = Statement("""
    SELECT s.id FROM scheduler_backfill_slot AS s
    WHERE s.backfill_id = %(backfill)s AND s.request_id IS NULL
    ORDER BY s.scheduled_for LIMIT %(limit)s
""")
FEED = Statement(
    batches={"v": {"slot_id": "bigint", "request_id": "uuid"}},
    steps={
        "f": FENCE,
        # The backfill's own row too: a cancel waits for this, or this for a cancel.
        "picked": """
            SELECT s.id, v.request_id, b.definition_id, s.slot_key, s.scheduled_for, b.args,
                   b.requested_by
            FROM f CROSS JOIN v JOIN scheduler_backfill_slot AS s ON s.id = v.slot_id
            JOIN scheduler_backfill AS b ON b.id = s.backfill_id
            JOIN scheduler_job_definition AS d ON d.id = b.definition_id
            WHERE s.request_id IS NULL AND b.fed_at IS NULL AND d.deleted_at IS NULL
            ORDER BY s.id FOR NO KEY UPDATE OF s FOR SHARE OF b
        """,
        "taken": """
            UPDATE scheduler_backfill_slot AS s SET request_id = p.request_id
            FROM picked AS p WHERE s.id = p.id RETURNING s.id
        """,
        "requested": """
            INSERT INTO scheduler_run_request
                (id, kind, definition_id, slot_key, scheduled_for, args, requested_by, requested_at)
            SELECT p.request_id, 'backfill', p.definition_id, p.slot_key, p.scheduled_for, p.args,
                   p.requested_by, clock_timestamp()
            FROM picked AS p JOIN taken AS t ON t.id = p.id
        """,
    },
    result="SELECT t.id FROM taken AS t",
)
CLOSE = Statement(
    batches={"v": {"id": "uuid"}},
    steps={
        "f": FENCE,
        "picked": """
            SELECT b.id FROM f CROSS JOIN v JOIN scheduler_backfill AS b ON b.id = v.id
            WHERE b.fed_at IS NULL ORDER BY b.id FOR NO KEY UPDATE OF b
        """,
        "closed": """
            UPDATE scheduler_backfill AS b SET fed_at = clock_timestamp()
            FROM picked AS p WHERE b.id = p.id RETURNING b.id
        """,
    },
    result="SELECT c.id FROM closed AS c",
)


class BackfillWrites(Closing):
    """The part of ``ports.LeaderStore`` that is about backfills; writes raise StaleEpoch."""

    def open_backfills(self, limit: int) -> list[BackfillRow]:
        rows = self._session.run(OPEN_BACKFILLS, limit=limit)
        under_way = {UUID(row[0]): row[1] for row in self._session.run(UNDER_WAY)} if rows else {}
        return [
            BackfillRow(
                backfill_id=uuid_of(row[0]),
                pace=row[1],
                concurrency_policy=row[2],
                under_way=under_way.get(uuid_of(row[0]), 0),
                deleted=bool(row[3]),
            )
            for row in rows
        ]

    def feed_backfill(self, fence: Fence, backfill_id: UUID, count: int) -> int:
        slots = self._session.run(NEXT_SLOTS, backfill=backfill_id, limit=count)
        if not slots:
            return 0
        pairs = [(row[0], uuid7()) for row in slots]
        return len(fenced(self._session, fence, FEED, {"v": pairs}))

    def close_backfills(self, fence: Fence, backfills: Sequence[UUID]) -> list[UUID]:
        rows = fenced(self._session, fence, CLOSE, {"v": [(each,) for each in backfills]})
        return [uuid_of(row[0]) for row in rows]
