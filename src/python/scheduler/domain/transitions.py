"""The only table of allowed changes of a run's state.

::

    PENDING -> ASSIGNED -> RUNNING -> SUCCEEDED | FAILED | TIMED_OUT | CANCELED
       |          |           +-> ORPHANED
       |          +-> PENDING
       +----------+-> SKIPPED
       +----------+-> CANCELED

The promise: finished is final, and nobody reaches RUNNING but through an assignment. What may be
announced to plugins, and what an auditor holds against the recorded changes, comes from this
table. Each of the store's statements names in its WHERE the state it expects, so that the row
count, not this table, says who won a race.
"""

from scheduler.domain.errors import IllegalTransition
from scheduler.domain.values import RunState

ALLOWED: dict[RunState, frozenset[RunState]] = {
    RunState.PENDING: frozenset({RunState.ASSIGNED, RunState.SKIPPED, RunState.CANCELED}),
    RunState.ASSIGNED: frozenset(
        {RunState.RUNNING, RunState.PENDING, RunState.SKIPPED, RunState.CANCELED}
    ),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.CANCELED,
            RunState.ORPHANED,
        }
    ),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.TIMED_OUT: frozenset(),
    RunState.CANCELED: frozenset(),
    RunState.ORPHANED: frozenset(),
    RunState.SKIPPED: frozenset(),
}


def check(old: RunState, new: RunState) -> None:
    """Return if a run may go from ``old`` to ``new``; raise IllegalTransition if not."""
    if new not in ALLOWED[old]:
        raise IllegalTransition(old, new, sorted(ALLOWED[old]))
