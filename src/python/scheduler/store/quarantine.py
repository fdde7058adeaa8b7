"""Failures in a row, counted in the very statement that ends a run, and what they lead to.

The steps go into a statement that has ``ended``: one row for each run that it ended, with
``definition_id``, ``nr`` (the order within the statement), and as 0 or 1 ``good`` (it succeeded),
``failed`` (its slot failed for good) and ``at_once`` (its job is to be quarantined whatever the
count). Rows of definitions are locked in id order, and the count is raised from what stands in the
locked row: two workers that end runs of one job at once are counted one after the other.

A success ends the row of failures, but not a quarantine: that is for a person to end.
"""

from scheduler.domain.alerts import SEVERITY, AlertCode


def failed_itself(run: str) -> str:
    """Whether a run (its alias) that had no success ended by its job's own doing: its worker was
    not lost, and it had a process. Only such ends make a retry spend its job's budget."""
    return f"{run}.state <> 'ORPHANED' AND {run}.reason <> 'NEVER_STARTED'"


_BEGINS = """
    d.quarantined_at IS NULL
    AND (s.at_once = 1
         OR s.opening > 0 AND d.failures_in_row + s.opening >= d.quarantine_after_failures
         OR s.longest > 0 AND s.longest >= d.quarantine_after_failures)
"""
_WHY = """
    CASE WHEN s.at_once = 1 THEN 'one slot lost its worker max_orphans times'
         ELSE 'it reached its limit of failures in a row, ' || d.quarantine_after_failures END
"""

# ``part``: how many successes came before. ``opening`` failures go on from the count so far,
# ``longest`` is the longest row after a success, ``closing`` the row that is still open.
COUNTING = {
    "guarded": """
        SELECT d.id FROM scheduler_job_definition AS d
        WHERE d.id IN (SELECT e.definition_id FROM ended AS e
                       WHERE e.good + e.failed + e.at_once > 0)
          AND (d.quarantine_after_failures IS NOT NULL
               OR EXISTS (SELECT 1 FROM ended AS e
                          WHERE e.definition_id = d.id AND e.at_once = 1))
        ORDER BY d.id FOR NO KEY UPDATE OF d
    """,
    "streaks": """
        SELECT s.definition_id, max(s.parts) AS parts,
               max(CASE WHEN s.part = 0 THEN s.failures ELSE 0 END) AS opening,
               max(CASE WHEN s.part > 0 THEN s.failures ELSE 0 END) AS longest,
               max(CASE WHEN s.part = s.parts THEN s.failures ELSE 0 END) AS closing,
               max(s.at_once) AS at_once, clock_timestamp() AS at
        FROM (SELECT o.definition_id, o.part, o.parts, sum(o.failed) AS failures,
                     max(o.at_once) AS at_once
              FROM (SELECT e.definition_id, e.failed, e.at_once,
                           sum(e.good) OVER (PARTITION BY e.definition_id ORDER BY e.nr) AS part,
                           sum(e.good) OVER (PARTITION BY e.definition_id) AS parts
                    FROM ended AS e JOIN guarded AS g ON g.id = e.definition_id) AS o
              GROUP BY o.definition_id, o.part, o.parts) AS s
        GROUP BY s.definition_id
    """,
    "counted": f"""
        UPDATE scheduler_job_definition AS d
        SET failures_in_row = CASE WHEN d.quarantine_after_failures IS NULL THEN d.failures_in_row
                                   WHEN s.parts = 0 THEN d.failures_in_row + s.closing
                                   ELSE s.closing END,
            quarantine_reason = CASE WHEN {_BEGINS} THEN {_WHY} ELSE d.quarantine_reason END,
            quarantined_at = CASE WHEN {_BEGINS} THEN s.at ELSE d.quarantined_at END
        FROM streaks AS s
        WHERE d.id = s.definition_id
          AND (s.at_once = 1 OR s.opening > 0 OR s.longest > 0 OR d.failures_in_row > 0)
        RETURNING d.id, d.name, d.quarantined_at, d.quarantine_reason
    """,
    "alerted": f"""
        INSERT INTO scheduler_alert
            (xid, code, severity, definition_id, job_name, text, since, at)
        SELECT pg_current_xact_id()::text::bigint, '{AlertCode.QUARANTINE_BEGUN}',
               '{SEVERITY[AlertCode.QUARANTINE_BEGUN]}', c.id, c.name,
               'Job ' || c.name || ' is quarantined: ' || c.quarantine_reason || '.',
               c.quarantined_at, clock_timestamp()
        FROM counted AS c JOIN streaks AS s ON s.definition_id = c.id
        WHERE c.quarantined_at = s.at
    """,
}
ENDING_A_ROW = {
    "broken": """
        SELECT d.id FROM scheduler_job_definition AS d
        WHERE d.failures_in_row > 0 AND d.id IN (SELECT r.definition_id FROM changed AS r)
        ORDER BY d.id FOR NO KEY UPDATE OF d
    """,
    "reset": """
        UPDATE scheduler_job_definition AS d SET failures_in_row = 0
        FROM broken AS b WHERE d.id = b.id
    """,
}
"""In place of all that, where a statement ends runs with success alone; in the same order."""
