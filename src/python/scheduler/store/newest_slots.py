"""Which run of an upstream a dependency of match ``latest`` asks for: asked for in one place only,
so that what may be asked for is what the purge keeps."""


def newest_in_range(column: str, definition_id: str) -> str:
    """The run with the last slot key of a range ``v`` (``domain.lineage.ranges_until``) within a
    definition, at its last attempt: a scalar subquery that gives ``column`` of it (alias n).
    A slot that a calendar skipped is passed over: there was nothing to be done that day."""
    return f"""
        (SELECT {column} FROM scheduler_job_run AS n
         WHERE n.definition_id = {definition_id} AND n.slot_key >= v.low AND n.slot_key <= v.high
           AND NOT (n.state = 'SKIPPED' AND n.reason = 'CALENDAR')
         ORDER BY n.definition_id DESC, n.slot_key DESC, n.attempt DESC LIMIT 1)
    """
