"""The columns of a StartOrder, wherever a statement yields one."""

from scheduler.domain.values import RetryPolicy, StartOrder
from scheduler.store.dialects import json_of, maybe_uuid, time_of, uuid_of
from scheduler.store.sessions import Row

ORDER_COLUMNS = """
    r.id, r.assign_seq,
    greatest(0, extract(epoch FROM r.due_at - clock_timestamp()))::float8,
    r.definition_id, d.name, r.attempt, r.orphan_count, r.slot_key, r.scheduled_for, d.executor,
    d.command_name, coalesce(x.args, d.default_args_json)::text, d.isolation, d.timeout_seconds,
    d.kill_grace_seconds, d.max_attempts, d.backoff_seconds, d.backoff_factor,
    d.backoff_max_seconds, d.jitter, d.retry_on_orphan, d.max_orphans,
    x.event_id
"""
"""``r`` is the run (the table, or what a step returned of it)."""

ORDER_JOINS = """
    JOIN scheduler_job_definition AS d ON d.id = r.definition_id
    LEFT JOIN scheduler_job_run_detail AS x ON x.run_id = r.id
"""


def order_of(row: Row) -> StartOrder:
    """A StartOrder from the columns of ORDER_COLUMNS."""
    return StartOrder(
        run_id=uuid_of(row[0]),
        assign_seq=row[1],
        start_in_seconds=float(row[2]),
        definition_id=row[3],
        job_name=row[4],
        attempt=row[5],
        orphan_count=row[6],
        slot_key=row[7],
        scheduled_for=time_of(row[8]),
        executor=row[9],
        command=row[10],
        args=json_of(row[11]),
        isolation=row[12],
        timeout_seconds=row[13],
        kill_grace_seconds=row[14],
        retry=RetryPolicy(
            max_attempts=row[15],
            backoff_seconds=row[16],
            backoff_factor=row[17],
            backoff_max_seconds=row[18],
            jitter=row[19],
            retry_on_orphan=bool(row[20]),
            max_orphans=row[21],
        ),
        event_id=maybe_uuid(row[22]),
    )
