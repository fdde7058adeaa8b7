"""The plan in the RDB: cursors move, and the rows that the moves cover appear, or neither does."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scheduler.domain.planning import slot_key
from scheduler.domain.values import OPEN_STATES, Fence, RunState
from scheduler.ports import CursorMove, NewRun
from scheduler.store.fencing import FENCE, MAX_ROWS, chunks, fenced
from scheduler.store.outbox import Transition
from scheduler.store.sessions import Closing
from scheduler.store.statements import Statement
from scheduler.store.upstream_ends import note_ends

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
RUN_COLUMNS = """
    id, definition_id, slot_key, attempt, state, scheduled_for, scheduled_until, slot_count, due_at,
    reason, finished_at
"""
RUN_VALUES = """
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
            INSERT INTO scheduler_job_run AS r ({RUN_COLUMNS})
            SELECT {RUN_VALUES} FROM n JOIN moved AS m ON m.id = n.definition_id WHERE true
            ON CONFLICT (definition_id, slot_key, attempt) DO NOTHING
            RETURNING r.id, r.definition_id, r.attempt, r.state, r.reason
        """,
        "explained": """
            INSERT INTO scheduler_job_run_detail (run_id, reason_detail)
            SELECT n.id, n.detail FROM n JOIN inserted AS r ON r.id = n.id WHERE n.detail <> ''
            ON CONFLICT (run_id) DO NOTHING
        """,
        "noted": note_ends("inserted"),
    },
    result="SELECT m.id FROM moved AS m",
)


def _dropping(step: str, led_to_by: str) -> dict[str, str]:
    """Rows from before an edit that the new plan lacks go, with what is kept beside them."""
    return {
        step: f"""
            DELETE FROM scheduler_job_run AS r
            WHERE {led_to_by} AND r.attempt = 1 AND substr(r.slot_key, 1, 2) = 't:'
              AND EXISTS (SELECT 1 FROM picked AS p WHERE p.id = r.definition_id
                                                      AND r.scheduled_for > p.replaces_after)
              AND NOT EXISTS (SELECT 1 FROM n WHERE n.definition_id = r.definition_id
                                                AND n.slot_key = r.slot_key)
            RETURNING r.id
        """,
        f"{step}_why": f"""
            DELETE FROM scheduler_job_run_detail AS x
            WHERE x.run_id IN (SELECT r.id FROM {step} AS r)
        """,
    }


# A run is due at its slot or later: due_at leads to the rows by their index.
_DROP_WAITING = _dropping(
    "dropped",
    """r.finished_at IS NULL AND r.due_at > %(replaced_from)s
       AND r.state IN ('PENDING', 'ASSIGNED')""",
)
# Slots that a calendar skipped ahead of time. They are finished, so the index of open rows does not
# lead to them; slot keys do, for they rise with time.
_DROP_SKIPPED = _dropping(
    "unplanned",
    """r.definition_id IN (SELECT p.id FROM picked AS p) AND r.slot_key >= %(replaced_key)s
       AND r.state = 'SKIPPED' AND r.reason = 'CALENDAR' AND r.slot_count = 1""",
)
# A row planned ahead whose day the edit made a day off. (A row that is SKIPPED is finished: it
# stays so where the edit made its day a working one.)
_CLOSE_PLANNED = {
    "closing": """
        SELECT r.id, r.state AS old_state, n.reason, n.detail
        FROM n JOIN picked AS p ON p.id = n.definition_id
        JOIN scheduler_job_run AS r ON r.definition_id = n.definition_id
                                   AND r.slot_key = n.slot_key AND r.attempt = n.attempt
        WHERE n.reason = 'CALENDAR' AND r.state IN ('PENDING', 'ASSIGNED')
          AND r.scheduled_for > p.replaces_after
        ORDER BY r.id FOR NO KEY UPDATE OF r
    """,
    "closed": """
        UPDATE scheduler_job_run AS r
        SET state = 'SKIPPED', reason = c.reason, finished_at = clock_timestamp()
        FROM closing AS c WHERE r.id = c.id
        RETURNING r.id, r.definition_id, r.attempt, r.state, r.reason, r.worker_id
    """,
    "closed_why": """
        INSERT INTO scheduler_job_run_detail (run_id, reason_detail)
        SELECT c.id, c.detail FROM closing AS c JOIN closed AS r ON r.id = c.id WHERE true
        ON CONFLICT (run_id) DO UPDATE SET reason_detail = excluded.reason_detail
    """,
    "closed_noted": note_ends("closed"),
}
RECORD_EDITS = replace(
    RECORD_PLAN, steps={**RECORD_PLAN.steps, **_DROP_WAITING, **_DROP_SKIPPED, **_CLOSE_PLANNED}
)
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
            INSERT INTO scheduler_job_run AS r ({RUN_COLUMNS})
            SELECT {RUN_VALUES} FROM n JOIN handled AS q ON q.id = n.request_id WHERE true
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


_TELL_CLOSED = """
    INSERT INTO scheduler_run_outbox
        (xid, run_id, definition_id, attempt, old_state, new_state, worker_id, reason, at)
    SELECT pg_current_xact_id()::text::bigint, r.id, r.definition_id, r.attempt, c.old_state,
           r.state, r.worker_id, r.reason, clock_timestamp()
    FROM closed AS r JOIN closing AS c ON c.id = r.id
    WHERE c.old_state || '>' || r.state IN ({wanted})
"""


def telling_skips(statement: Statement, declared: Sequence[Transition]) -> Statement:
    """``statement`` with the outbox step, when PENDING -> SKIPPED is declared."""
    if not any((old.value, new.value) == ("PENDING", "SKIPPED") for old, new in declared):
        return statement
    return replace(statement, steps={**statement.steps, "told": _TELL_SKIPPED})


def telling_closed(statement: Statement, declared: Sequence[Transition]) -> Statement:
    """``statement`` with the outbox step for rows that an edit made SKIPPED, when declared."""
    told = [old.value for old, new in declared if new is RunState.SKIPPED]
    if not told:
        return statement
    wanted = ", ".join(f"'{old}>SKIPPED'" for old in sorted(told))
    step = {"told_closed": _TELL_CLOSED.format(wanted=wanted)}
    return replace(statement, steps={**statement.steps, **step})


class PlanWrites(Closing):
    """The planning half of ``ports.LeaderStore``'s writes; each raises StaleEpoch."""

    def _declare_plan(self, declared: Sequence[Transition]) -> None:
        self._record_plan = telling_skips(RECORD_PLAN, declared)
        self._record_edits = telling_closed(telling_skips(RECORD_EDITS, declared), declared)
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
            replaced_key=slot_key((replaced_from or EPOCH).replace(microsecond=0)),
        )
        return [row[0] for row in rows]

    def record_requests(self, fence: Fence, runs: Sequence[tuple[UUID, NewRun]]) -> int:
        rows = [(request, *new_run_row(run)) for request, run in runs]
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
        "n": [new_run_row(run) for move in moves for run in move.runs],
    }


def new_run_row(run: NewRun) -> tuple[Any, ...]:
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
