"""After a fail-over of PostgreSQL that lost the newest commits: a worker writes them again.

The events of the claims first (their rows may be lost too), then the claims, then the finishes
(``FINISH`` is conditional on the claim token and so may be repeated as it is), then the word in the
lease row that it is done.
"""

import json
from collections.abc import Collection, Sequence
from uuid import UUID

from scheduler.domain.values import Claim
from scheduler.store.dialects import uuid_of
from scheduler.store.events import EventRows
from scheduler.store.fencing import chunks
from scheduler.store.outbox import CHANGED_COLUMNS, Transition, with_outbox
from scheduler.store.quarantine import failed_itself
from scheduler.store.statements import Statement

_CLAIMS = {
    "id": "uuid",
    "definition_id": "bigint",
    "slot_key": "text",
    "attempt": "integer",
    "orphan_count": "integer",
    "scheduled_for": "timestamptz",
    "assign_seq": "bigint",
    "claim_token": "uuid",
    "worker_id": "text",
    "args": "jsonb",
    "event_id": "uuid",
    "age": "float8",
}
_CLAIMED_AT = "clock_timestamp() + make_interval(secs => {age})"

# The storm guard goes on counting what has begun; of all runs, for whether a cap of the cluster
# counts them is not in the RDB. What ended the attempt before may be lost as well: then it was the
# job's own failure where more attempts were made than workers lost.
_COUNTED = f"""
    INSERT INTO scheduler_job_start (run_id, definition_id, is_retry)
    SELECT r.id, r.definition_id, r.attempt > 1 AND d.retry_budget_per_hour IS NOT NULL
           AND coalesce((SELECT {failed_itself("e")}
                         FROM scheduler_job_run AS e
                         WHERE e.definition_id = r.definition_id AND e.slot_key = p.slot_key
                           AND e.attempt = r.attempt - 1), r.attempt > p.orphan_count + 1)
    FROM changed AS r JOIN picked AS p ON p.id = r.id
    JOIN scheduler_job_definition AS d ON d.id = r.definition_id
    WHERE true ON CONFLICT (run_id) DO NOTHING
"""

# Rows whose planning was lost too. When a retry's moment was is not known; its claim's was.
RESTORE = Statement(
    batches={"v": _CLAIMS},
    steps={
        "picked": "SELECT v.*, 'ASSIGNED' AS old_state, v.worker_id AS old_worker_id FROM v",
        "changed": f"""
            INSERT INTO scheduler_job_run AS r
                (id, definition_id, slot_key, attempt, state, scheduled_for, due_at, worker_id,
                 assign_seq, assigned_at, claim_token, started_at, orphan_count, retry_of)
            SELECT p.id, p.definition_id, p.slot_key, p.attempt, 'RUNNING', p.scheduled_for,
                   CASE WHEN p.attempt = 1 THEN p.scheduled_for
                        ELSE {_CLAIMED_AT.format(age="p.age")} END,
                   p.worker_id, p.assign_seq, {_CLAIMED_AT.format(age="p.age")}, p.claim_token,
                   {_CLAIMED_AT.format(age="p.age")}, p.orphan_count,
                   (SELECT e.id FROM scheduler_job_run AS e
                    WHERE e.definition_id = p.definition_id AND e.slot_key = p.slot_key
                      AND e.attempt = p.attempt - 1)
            FROM picked AS p JOIN scheduler_job_definition AS d ON d.id = p.definition_id
            WHERE true
            ON CONFLICT DO NOTHING
            RETURNING {CHANGED_COLUMNS}
        """,
        "carried": """
            INSERT INTO scheduler_job_run_detail (run_id, args, event_id)
            SELECT p.id, p.args, p.event_id FROM picked AS p JOIN changed AS r ON r.id = p.id
            WHERE p.args IS NOT NULL OR p.event_id IS NOT NULL
            ON CONFLICT (run_id) DO NOTHING
        """,
        "counted": _COUNTED,
    },
    result="SELECT r.id FROM changed AS r",
)
REVIVE = Statement(
    batches={"v": _CLAIMS},
    steps={
        "picked": """
            SELECT v.id, v.assign_seq, v.claim_token, v.worker_id, v.age, v.slot_key,
                   v.orphan_count, r.id AS old_id, r.state AS old_state,
                   r.worker_id AS old_worker_id
            FROM v JOIN scheduler_job_run AS r
              ON r.definition_id = v.definition_id AND r.slot_key = v.slot_key
                 AND r.attempt = v.attempt
            WHERE r.state IN ('PENDING', 'ASSIGNED')
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET id = p.id, state = 'RUNNING', worker_id = p.worker_id,
                assign_seq = p.assign_seq, claim_token = p.claim_token, reason = '',
                started_at = {_CLAIMED_AT.format(age="p.age")}
            FROM picked AS p WHERE r.id = p.old_id RETURNING {CHANGED_COLUMNS}
        """,
        "moved": """
            UPDATE scheduler_job_run_detail AS x SET run_id = p.id
            FROM picked AS p WHERE x.run_id = p.old_id AND p.id <> p.old_id
        """,
        "pointed": """
            UPDATE scheduler_run_request AS q SET run_id = p.id
            FROM picked AS p WHERE q.run_id = p.old_id AND p.id <> p.old_id
        """,
        "uncounted": """
            DELETE FROM scheduler_job_start
            WHERE run_id IN (SELECT p.old_id FROM picked AS p WHERE p.id <> p.old_id)
        """,
        "counted": _COUNTED,
    },
    result="SELECT r.id FROM changed AS r",
)
SET_REPLAYED = Statement("""
    UPDATE scheduler_worker_lease AS l SET replayed_timeline = %(timeline)s
    WHERE l.worker_id = %(worker_id)s AND l.state = 'LIVE'
""")
# 0 stands in the rows of workers of a version that knows nothing of this.
REPLAYING = Statement("""
    SELECT l.worker_id FROM scheduler_worker_lease AS l
    WHERE l.state = 'LIVE' AND l.replayed_timeline NOT IN (0, %(timeline)s)
    ORDER BY l.worker_id
""")


class ReplayWrites(EventRows):
    """The part of ``ports.WorkerStore`` that follows a fail-over."""

    def _declare_replay(self, declared: Collection[Transition]) -> None:
        self._restore = with_outbox(RESTORE, declared)
        self._revive = with_outbox(REVIVE, declared)

    def replay_claims(self, claims: Sequence[tuple[Claim, float]]) -> list[UUID]:
        self._restore_events([claim for claim, _ in claims])
        # Restored first: then each slot has a row, and what remains open is revived.
        return [
            uuid_of(row[0])
            for part in chunks(claims)
            for statement in (self._restore, self._revive)
            for row in self._session.run(statement, {"v": [_claim_row(*one) for one in part]})
        ]

    def set_replayed(self, worker_id: str, timeline: int) -> None:
        self._session.run(SET_REPLAYED, worker_id=worker_id, timeline=timeline)

    def replaying(self, timeline: int) -> list[str]:
        return [row[0] for row in self._session.run(REPLAYING, timeline=timeline)]


def _claim_row(claim: Claim, age_seconds: float) -> tuple[object, ...]:
    return (
        claim.run_id,
        claim.definition_id,
        claim.slot_key,
        claim.attempt,
        claim.orphan_count,
        claim.scheduled_for,
        claim.assign_seq,
        claim.claim_token,
        claim.worker_id,
        None if claim.args is None else json.dumps(claim.args),
        claim.event_id,
        -age_seconds,
    )
