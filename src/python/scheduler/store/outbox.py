"""Changes of state that plugins are told of: written with the change, read in a safe order.

A statement that changes states gets one more step, and only for the transitions that some plugin
declared: with none declared, nothing is written.
"""

from collections.abc import Collection
from dataclasses import replace

from scheduler.domain.transitions import ALLOWED
from scheduler.domain.values import RunState
from scheduler.store.statements import Statement

Transition = tuple[RunState, RunState]

CHANGED_COLUMNS = "r.id, r.definition_id, r.attempt, r.state, r.worker_id, r.reason"
"""What the step ``changed`` must return, for the outbox."""


def with_outbox(statement: Statement, declared: Collection[Transition]) -> Statement:
    """``statement`` with a step that records the declared ones of its changes.

    Its step ``picked`` has ``id``, ``old_state`` and ``old_worker_id``, its step ``changed`` the
    CHANGED_COLUMNS.
    """
    pairs = sorted((old.value, new.value) for old, new in declared if new in ALLOWED[old])
    if not pairs:
        return statement
    wanted = ", ".join(f"'{old}>{new}'" for old, new in pairs)
    step = f"""
        INSERT INTO scheduler_run_outbox
            (xid, run_id, definition_id, attempt, old_state, new_state, worker_id, reason, at)
        SELECT pg_current_xact_id()::text::bigint, r.id, r.definition_id, r.attempt, p.old_state,
               r.state, coalesce(r.worker_id, p.old_worker_id), r.reason, clock_timestamp()
        FROM changed AS r JOIN picked AS p ON p.id = r.id
        WHERE p.old_state || '>' || r.state IN ({wanted})
    """
    return replace(statement, steps={**statement.steps, "told": step})
