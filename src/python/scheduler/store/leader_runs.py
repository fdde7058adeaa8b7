"""The leader's changes to runs: assigned, taken back, skipped, canceled, kept waiting."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from scheduler.domain.values import Fence, Reason, StartOrder
from scheduler.store.dialects import uuid_of
from scheduler.store.fencing import FENCE, MAX_ROWS, chunks, fenced, until_short
from scheduler.store.leader_reads import NOT_LIVE, TO_CANCEL
from scheduler.store.orders import ORDER_COLUMNS, ORDER_JOINS, order_of
from scheduler.store.outbox import CHANGED_COLUMNS, Transition, with_outbox
from scheduler.store.sessions import Closing, Session
from scheduler.store.statements import Batches, Statement
from scheduler.store.upstream_ends import note_ends

_OLD = "r.state AS old_state, r.worker_id AS old_worker_id"
_CHANGED_IDS = "SELECT r.id FROM changed AS r"

# What a changed run is given to say beside its reason.
_EXPLAINED = """
    INSERT INTO scheduler_job_run_detail (run_id, reason_detail)
    SELECT p.id, p.detail FROM picked AS p JOIN changed AS r ON r.id = p.id
    WHERE p.detail <> ''
    ON CONFLICT (run_id) DO UPDATE SET reason_detail = excluded.reason_detail
"""

ASSIGN = Statement(
    batches={"v": {"id": "uuid", "worker_id": "text", "assign_seq": "bigint"}},
    steps={
        "f": FENCE,
        "picked": f"""
            SELECT r.id, v.worker_id, v.assign_seq, {_OLD}
            FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            JOIN scheduler_worker_lease AS l ON l.worker_id = v.worker_id AND l.state = 'LIVE'
            WHERE r.state = 'PENDING' AND r.cancel_requested_at IS NULL
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = 'ASSIGNED', worker_id = p.worker_id, assign_seq = p.assign_seq,
                assigned_at = clock_timestamp(), reason = ''
            FROM picked AS p WHERE r.id = p.id
            RETURNING {CHANGED_COLUMNS}, r.assign_seq, r.due_at, r.orphan_count, r.slot_key,
                      r.scheduled_for
        """,
    },
    result=f"SELECT r.worker_id, {ORDER_COLUMNS} FROM changed AS r {ORDER_JOINS}",
)
# Only for runs that a start cap or a retry budget counts.
ASSIGN_COUNTED = replace(
    ASSIGN,
    batches={**ASSIGN.batches, "g": {"id": "uuid", "is_retry": "boolean"}},
    steps={
        **ASSIGN.steps,
        "counted": """
            INSERT INTO scheduler_job_start (run_id, definition_id, is_retry)
            SELECT r.id, r.definition_id, g.is_retry FROM changed AS r JOIN g ON g.id = r.id
            WHERE true ON CONFLICT (run_id) DO NOTHING
        """,
    },
)

_BACK = f"""
    UPDATE scheduler_job_run AS r
    SET state = 'PENDING', worker_id = NULL, assigned_at = NULL, reason = %(reason)s
    FROM picked AS p WHERE r.id = p.id RETURNING {CHANGED_COLUMNS}
"""
UNASSIGN = Statement(
    batches={"v": {"id": "uuid", "assign_seq": "bigint"}},
    steps={
        "f": FENCE,
        "picked": f"""
            SELECT r.id, {_OLD}
            FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.state = 'ASSIGNED' AND r.assign_seq = v.assign_seq
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": _BACK,
    },
    result=_CHANGED_IDS,
)
_OF_THE_LOST = f"r.finished_at IS NULL AND r.state = 'ASSIGNED' AND {NOT_LIVE}"
UNASSIGN_LOST = Statement(
    steps={
        "f": FENCE,
        "picked": f"""
            SELECT r.id, {_OLD} FROM f CROSS JOIN scheduler_job_run AS r
            WHERE {_OF_THE_LOST}
            ORDER BY r.id LIMIT %(limit)s FOR NO KEY UPDATE OF r
        """,
        "changed": _BACK,
    },
    result=_CHANGED_IDS,
)
_REASONED = {"id": "uuid", "reason": "text", "detail": "text"}
SKIP = Statement(
    batches={"v": _REASONED},
    steps={
        "f": FENCE,
        "picked": f"""
            SELECT r.id, v.reason, v.detail, {_OLD}
            FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.state IN ('PENDING', 'ASSIGNED')
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = 'SKIPPED', reason = p.reason, finished_at = clock_timestamp()
            FROM picked AS p WHERE r.id = p.id RETURNING {CHANGED_COLUMNS}
        """,
        "explained": _EXPLAINED,
        "noted": note_ends("changed"),
    },
    result=_CHANGED_IDS,
)
WAIT = Statement(
    batches={"v": _REASONED},
    steps={
        "f": FENCE,
        "picked": """
            SELECT r.id, v.reason, v.detail
            FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.state = 'PENDING'
              AND (r.reason <> v.reason OR v.reason IN ('WAIT_START_CAP', 'WAIT_RETRY_BUDGET'))
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
        "changed": """
            UPDATE scheduler_job_run AS r SET reason = p.reason
            FROM picked AS p WHERE r.id = p.id RETURNING r.id
        """,
        "explained": _EXPLAINED,
    },
    result=_CHANGED_IDS,
)
REQUEST_CANCEL = Statement(
    batches={"v": {"id": "uuid"}},
    steps={
        "f": FENCE,
        "picked": """
            SELECT r.id FROM f CROSS JOIN v JOIN scheduler_job_run AS r ON r.id = v.id
            WHERE r.finished_at IS NULL AND r.cancel_requested_at IS NULL
            ORDER BY r.id FOR NO KEY UPDATE OF r
        """,
    },
    result="""
        UPDATE scheduler_job_run AS r
        SET cancel_requested_at = clock_timestamp(), reason = %(reason)s
        FROM picked AS p WHERE r.id = p.id RETURNING r.id
    """,
)
CANCEL_WAITING = Statement(
    steps={
        "f": FENCE,
        "picked": f"""
            SELECT r.id, {_OLD} FROM f CROSS JOIN scheduler_job_run AS r
            WHERE {TO_CANCEL}
            ORDER BY r.id LIMIT %(limit)s FOR NO KEY UPDATE OF r
        """,
        "changed": f"""
            UPDATE scheduler_job_run AS r
            SET state = 'CANCELED', finished_at = clock_timestamp(),
                reason = CASE WHEN r.reason = 'REPLACED' THEN r.reason
                              ELSE 'CANCELED_BY_REQUEST' END
            FROM picked AS p WHERE r.id = p.id RETURNING {CHANGED_COLUMNS}
        """,
        "noted": note_ends("changed"),
    },
    result=_CHANGED_IDS,
)
# Asked before the sweep, which is made every second: a fenced statement that changes nothing still
# costs a commit, for it locks the cluster row.
ANY_OF_THE_LOST = Statement(f"SELECT r.id FROM scheduler_job_run AS r WHERE {_OF_THE_LOST} LIMIT 1")


class RunWrites(Closing):
    """The run half of ``ports.LeaderStore``'s writes; each raises StaleEpoch."""

    def _declare(self, declared: Collection[Transition]) -> None:
        self._assign = with_outbox(ASSIGN, declared)
        self._assign_counted = with_outbox(ASSIGN_COUNTED, declared)
        self._unassign = with_outbox(UNASSIGN, declared)
        self._unassign_lost = with_outbox(UNASSIGN_LOST, declared)
        self._skip = with_outbox(SKIP, declared)
        self._cancel_waiting = with_outbox(CANCEL_WAITING, declared)

    def assign(
        self,
        fence: Fence,
        assignments: Sequence[tuple[UUID, str, int]],
        *,
        counted: Sequence[tuple[UUID, bool]] = (),
    ) -> list[tuple[str, StartOrder]]:
        statement = self._assign_counted if counted else self._assign
        more: Batches = {"g": counted} if counted else {}
        return [
            (row[0], order_of(row[1:]))
            for part in chunks(assignments)
            for row in fenced(self._session, fence, statement, {"v": part, **more})
        ]

    def unassign(
        self, fence: Fence, runs: Sequence[tuple[UUID, int]], reason: Reason
    ) -> list[UUID]:
        return [
            run
            for part in chunks(runs)
            for run in _ids(self._session, fence, self._unassign, {"v": part}, reason=reason)
        ]

    def unassign_lost(self, fence: Fence) -> list[UUID]:
        if not self._session.run(ANY_OF_THE_LOST):
            return []

        def once() -> list[UUID]:
            return _ids(
                self._session,
                fence,
                self._unassign_lost,
                reason=Reason.WORKER_LOST,
                limit=MAX_ROWS,
            )

        return until_short(once)

    def skip(self, fence: Fence, runs: Sequence[tuple[UUID, Reason, str]]) -> list[UUID]:
        return [
            run
            for part in chunks(runs)
            for run in _ids(self._session, fence, self._skip, {"v": part})
        ]

    def wait(self, fence: Fence, runs: Sequence[tuple[UUID, Reason, str]]) -> None:
        """Written only where the reason is another one than before, or says until when."""
        for part in chunks(runs):
            _ids(self._session, fence, WAIT, {"v": part})

    def request_cancel(self, fence: Fence, runs: Sequence[UUID], reason: Reason) -> list[UUID]:
        return [
            run
            for part in chunks(runs)
            for run in _ids(
                self._session, fence, REQUEST_CANCEL, {"v": [(run,) for run in part]}, reason=reason
            )
        ]

    def cancel_waiting(self, fence: Fence) -> list[UUID]:
        return until_short(lambda: _ids(self._session, fence, self._cancel_waiting, limit=MAX_ROWS))


def _ids(
    session: Session,
    fence: Fence,
    statement: Statement,
    batches: Batches | None = None,
    **values: object,
) -> list[UUID]:
    rows = fenced(session, fence, statement, batches, **values)
    return [uuid_of(row[0]) for row in rows]
