"""The plan in the RDB: cursors move, and the rows that the moves cover appear, or neither does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from scheduler.domain.values import OPEN_STATES, Fence
from scheduler.ports import CursorMove, NewRun
from scheduler.store.fencing import FENCE, MAX_ROWS, chunks, fenced
from scheduler.store.outbox import Transition
from scheduler.store.sessions import Closing
from scheduler.store.statements import Statement

NEW_RUN = {
    "id": "uuid",
    "definition_id": "bigint",
    "slot_key": "text",
    "attempt": "integer",
    "state": "text",
    "is_open": "boolean",
    "scheduled_for": "timestamptz",
    "scheduled_until": "timestamptz",
    "slot_count": "integer",
    "due_at": "timestamptz",
    "reason": "text",
    "detail": "text",
}
_RUN_COLUMNS = """
    id, definition_id, slot_key, attempt, state, scheduled_for, scheduled_until, slot_count, due_at,
    reason, finished_at
"""
_RUN_VALUES = """
    n.id, n.definition_id, n.slot_key, n.attempt, n.state, n.scheduled_for, n.scheduled_until,
    n.slot_count, n.due_at, n.reason, CASE WHEN n.is_open THEN NULL ELSE clock_timestamp() END
"""

RECORD_PLAN = Statement(
    batches={
        "v": {
            "definition_id": "bigint",
            "revision": "bigint",
            "old_until": "timestamptz",
            "new_until": "timestamptz",
            "next_fire_at": "timestamptz",
            "replaces_after": "timestamptz",
            "keeps_edit": "boolean",
        },
        "n": NEW_RUN,
    },
    steps={
        "f": FENCE,
        "picked": """
            SELECT d.id, v.new_until, v.next_fire_at, v.replaces_after, v.keeps_edit
            FROM f CROSS JOIN v JOIN scheduler_job_definition AS d ON d.id = v.definition_id
            WHERE d.revision = v.revision AND d.planned_until = v.old_until
            ORDER BY d.id FOR NO KEY UPDATE OF d
        """,
        "moved": """
            UPDATE scheduler_job_definition AS d
            SET planned_until = p.new_until, next_fire_at = p.next_fire_at,
                edited_at = CASE WHEN p.keeps_edit THEN d.edited_at END,
                superseded = CASE WHEN p.keeps_edit THEN d.superseded ELSE '[]'::jsonb END
            FROM picked AS p WHERE d.id = p.id RETURNING d.id
        """,
        "inserted": f"""
            INSERT INTO scheduler_job_run AS r ({_RUN_COLUMNS})
            SELECT {_RUN_VALUES} FROM n JOIN moved AS m ON m.id = n.definition_id WHERE true
            ON CONFLICT (definition_id, slot_key, attempt) DO NOTHING
            RETURNING r.id, r.definition_id, r.attempt, r.state, r.reason
        """,
        "explained": """
            INSERT INTO scheduler_job_run_detail (run_id, reason_detail)
            SELECT n.id, n.detail FROM n JOIN inserted AS r ON r.id = n.id WHERE n.detail <> ''
            ON CONFLICT (run_id) DO NOTHING
        """,
    },
    result="SELECT m.id FROM moved AS m",
)
# A run is due at its slot or later: due_at leads to the rows by their index.
_DROP_REPLACED = {
    "dropped": """
        DELETE FROM scheduler_job_run AS r
        WHERE r.finished_at IS NULL AND r.due_at > %(replaced_from)s
          AND r.state IN ('PENDING', 'ASSIGNED') AND r.attempt = 1
          AND substr(r.slot_key, 1, 2) = 't:'
          AND EXISTS (SELECT 1 FROM picked AS p WHERE p.id = r.definition_id
                                                  AND r.scheduled_for > p.replaces_after)
          AND NOT EXISTS (SELECT 1 FROM n WHERE n.definition_id = r.definition_id
                                            AND n.slot_key = r.slot_key)
        RETURNING r.id
    """,
    "forgotten": """
        DELETE FROM scheduler_job_run_detail AS x
        WHERE x.run_id IN (SELECT r.id FROM dropped AS r)
    """,
}
RECORD_EDITS = replace(RECORD_PLAN, steps={**RECORD_PLAN.steps, **_DROP_REPLACED})
RECORD_REQUESTS = Statement(
    batches={"n": {"request_id": "uuid", **NEW_RUN}},
    steps={
        "f": FENCE,
        # After a fail-over a worker may have brought the request's run back before this.
        "picked": """
            SELECT q.id, q.args, q.event_id,
                   coalesce((SELECT e.id FROM scheduler_job_run AS e
                             WHERE e.definition_id = n.definition_id AND e.slot_key = n.slot_key
                               AND e.attempt = n.attempt), n.id) AS run_id
            FROM f CROSS JOIN n JOIN scheduler_run_request AS q ON q.id = n.request_id
            WHERE q.handled_at IS NULL
            ORDER BY q.id FOR NO KEY UPDATE OF q
        """,
        "handled": """
            UPDATE scheduler_run_request AS q
            SET handled_at = clock_timestamp(), run_id = p.run_id
            FROM picked AS p WHERE q.id = p.id RETURNING q.id
        """,
        "inserted": f"""
            INSERT INTO scheduler_job_run AS r ({_RUN_COLUMNS})
            SELECT {_RUN_VALUES} FROM n JOIN handled AS q ON q.id = n.request_id WHERE true
            ON CONFLICT (definition_id, slot_key, attempt) DO NOTHING
            RETURNING r.id, r.definition_id, r.attempt, r.state, r.reason
        """,
        "explained": """
            INSERT INTO scheduler_job_run_detail (run_id, args, event_id, reason_detail)
            SELECT n.id, p.args, p.event_id, n.detail
            FROM n JOIN inserted AS r ON r.id = n.id JOIN picked AS p ON p.run_id = n.id
            WHERE n.detail <> '' OR p.args IS NOT NULL OR p.event_id IS NOT NULL
            ON CONFLICT (run_id) DO NOTHING
        """,
    },
    result="SELECT q.id FROM handled AS q",
)
# A row that is born SKIPPED counts as PENDING -> SKIPPED for those who are told of skips.
_TELL_SKIPPED = """
    INSERT INTO scheduler_run_outbox
        (xid, run_id, definition_id, attempt, old_state, new_state, reason, at)
    SELECT pg_current_xact_id()::text::bigint, r.id, r.definition_id, r.attempt, 'PENDING',
           r.state, r.reason, clock_timestamp()
    FROM inserted AS r WHERE r.state = 'SKIPPED'
"""


def telling_skips(statement: Statement, declared: Sequence[Transition]) -> Statement:
    """``statement`` with the outbox step, when PENDING -> SKIPPED is declared."""
    if not any((old.value, new.value) == ("PENDING", "SKIPPED") for old, new in declared):
        return statement
    return replace(statement, steps={**statement.steps, "told": _TELL_SKIPPED})


class PlanWrites(Closing):
    """The planning half of ``ports.LeaderStore``'s writes; each raises StaleEpoch."""

    def _declare_plan(self, declared: Sequence[Transition]) -> None:
        self._record_plan = telling_skips(RECORD_PLAN, declared)
        self._record_edits = telling_skips(RECORD_EDITS, declared)
        self._record_requests = telling_skips(RECORD_REQUESTS, declared)

    def record_plan(self, fence: Fence, moves: Sequence[CursorMove]) -> list[int]:
        return [moved for part in _parts(moves) for moved in self._record_part(fence, part)]

    def _record_part(self, fence: Fence, moves: Sequence[CursorMove]) -> list[int]:
        replaced_from = min((m.replaces_after for m in moves if m.replaces_after), default=None)
        rows = fenced(
            self._session,
            fence,
            self._record_edits if replaced_from else self._record_plan,
            _plan_batches(moves),
            replaced_from=replaced_from,
        )
        return [row[0] for row in rows]

    def record_requests(self, fence: Fence, runs: Sequence[tuple[UUID, NewRun]]) -> int:
        rows = [(request, *_new_run(run)) for request, run in runs]
        return sum(
            len(fenced(self._session, fence, self._record_requests, {"n": part}))
            for part in chunks(rows)
        )


def _parts(moves: Sequence[CursorMove]) -> Iterator[list[CursorMove]]:
    """Moves in parts of at most MAX_ROWS rows to write; one move is never divided."""
    part: list[CursorMove] = []
    size = 0
    for move in moves:
        rows = 1 + len(move.runs)
        if part and size + rows > MAX_ROWS:
            yield part
            part, size = [], 0
        part.append(move)
        size += rows
    if part:
        yield part


def _plan_batches(moves: Sequence[CursorMove]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "v": [
            (
                move.definition_id,
                move.revision,
                move.planned_until_old,
                move.planned_until_new,
                move.next_fire_at,
                move.replaces_after,
                move.keeps_edit,
            )
            for move in moves
        ],
        "n": [_new_run(run) for move in moves for run in move.runs],
    }


def _new_run(run: NewRun) -> tuple[Any, ...]:
    return (
        run.run_id,
        run.definition_id,
        run.slot_key,
        run.attempt,
        run.state.value,
        run.state in OPEN_STATES,
        run.scheduled_for,
        run.scheduled_until,
        run.slot_count,
        run.due_at,
        run.reason.value if run.reason else "",
        run.reason_detail,
    )
