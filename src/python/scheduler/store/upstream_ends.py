"""The ends of runs that others depend on: noted by the statement that ends them.

A note is made only where the definition has dependents, so an end without any costs one look into
the (small) index of dependencies. It stays until the leader has looked at it, whoever leads by
then; no note is lost with a leader, a worker or a bell.
"""

from scheduler.domain.values import FINISHED_STATES

_FINISHED = ", ".join(f"'{state}'" for state in sorted(FINISHED_STATES))

UPSTREAM_ENDS = """
    SELECT e.run_id, r.definition_id, r.slot_key, r.scheduled_for
    FROM scheduler_upstream_end AS e JOIN scheduler_job_run AS r ON r.id = e.run_id
    WHERE r.retry_due_at IS NULL
"""
"""The notes that the leader is to look at: while a retry is due the slot has no outcome yet."""


def note_ends(relation: str) -> str:
    """A step that notes the runs of ``relation`` (id, definition_id, state) that have ended."""
    return f"""
        INSERT INTO scheduler_upstream_end (run_id)
        SELECT r.id FROM {relation} AS r
        WHERE r.state IN ({_FINISHED})
          AND EXISTS (SELECT 1 FROM scheduler_dependency AS y
                      WHERE y.upstream_id = r.definition_id)
        ON CONFLICT (run_id) DO NOTHING
    """
