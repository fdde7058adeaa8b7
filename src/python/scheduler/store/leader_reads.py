"""What the leader reads: definitions due, runs waiting, runs under way."""

from datetime import datetime
from uuid import UUID

from scheduler.domain.values import Reason, RunState, StartOrder
from scheduler.ports import ActiveRow, Agenda, DefinitionRow, RequestRow, WaitingRow
from scheduler.store.dialects import json_of, maybe_time, time_of, uuid_of
from scheduler.store.orders import ORDER_COLUMNS, ORDER_JOINS, order_of
from scheduler.store.sessions import Closing, Row
from scheduler.store.statements import Statement

NEVER = {"kind": "once", "at": "2000-01-01T00:00:00+00:00"}
"""Read where a definition runs by hand only (then it is not enabled either)."""

NOT_LIVE = """
    NOT EXISTS (SELECT 1 FROM scheduler_worker_lease AS l
                WHERE l.worker_id = r.worker_id AND l.state = 'LIVE')
"""

DUE_DEFINITIONS = Statement("""
    SELECT d.id, d.name, d.revision, d.schedule::text, d.timezone, d.planned_until, d.next_fire_at,
           d.enabled AND d.deleted_at IS NULL AND d.schedule IS NOT NULL, d.misfire_policy,
           d.skip_late_after_seconds, d.starts_at, d.ends_at, d.edited_at,
           d.superseded::text
    FROM scheduler_job_definition AS d
    WHERE d.next_fire_at IS NOT NULL AND d.next_fire_at <= %(until)s
    ORDER BY d.next_fire_at, d.id LIMIT %(limit)s
""")
TO_CANCEL = """
    r.finished_at IS NULL AND r.cancel_requested_at IS NOT NULL
    AND r.state IN ('PENDING', 'ASSIGNED')
"""
# One statement, for it is asked at every tick: what is not on the agenda costs no other.
AGENDA = Statement(f"""
    SELECT EXISTS (SELECT 1 FROM scheduler_job_run AS r WHERE r.retry_due_at IS NOT NULL),
           EXISTS (SELECT 1 FROM scheduler_run_request AS q WHERE q.handled_at IS NULL),
           EXISTS (SELECT 1 FROM scheduler_job_run AS r WHERE {TO_CANCEL}),
           (SELECT min(d.next_fire_at) FROM scheduler_job_definition AS d
            WHERE d.next_fire_at IS NOT NULL),
           EXISTS (SELECT 1 FROM scheduler_backfill AS b WHERE b.fed_at IS NULL)
""")
UNHANDLED = Statement("""
    SELECT q.id, q.definition_id, q.slot_key, q.scheduled_for, q.args::text
    FROM scheduler_run_request AS q WHERE q.handled_at IS NULL
    ORDER BY q.requested_at, q.id LIMIT %(limit)s
""")
_WAITING = """
    SELECT r.id, r.definition_id, d.name, r.slot_key, r.attempt, r.due_at, r.scheduled_for,
           d.priority, d.queue, d.required_labels::text, d.executor, d.concurrency_policy,
           d.max_parallel, d.skip_late_after_seconds, r.cancel_requested_at IS NOT NULL,
           d.quarantined_at IS NOT NULL, r.reason
    FROM scheduler_job_run AS r JOIN scheduler_job_definition AS d ON d.id = r.definition_id
    WHERE r.finished_at IS NULL AND r.due_at <= %(until)s AND r.state = 'PENDING'
"""
# Slots that catch up, and backfills, come after what is due now (domain.runs.is_catch_up).
_IN_TURN = """
    ORDER BY d.priority DESC,
             r.attempt = 1 AND (r.due_at > r.scheduled_for OR r.slot_key LIKE 'b:%%'),
             r.due_at, r.id
    LIMIT %(limit)s
"""
WAITING = Statement(f"{_WAITING} {_IN_TURN}")
WAITING_FOR_A_PLACE = Statement(f"""
    {_WAITING}
    AND d.concurrency_policy = 'allow' AND d.max_parallel IS NULL
    AND (substr(r.reason, 1, 5) <> 'WAIT_' OR r.reason = 'WAIT_CAPACITY')
    {_IN_TURN}
""")
ACTIVE = Statement("""
    SELECT r.id, r.definition_id, r.state, r.worker_id, r.assign_seq, r.due_at,
           extract(epoch FROM clock_timestamp() - r.assigned_at)::float8,
           r.cancel_requested_at IS NOT NULL, r.orphan_count
    FROM scheduler_job_run AS r
    WHERE r.finished_at IS NULL AND r.state IN ('ASSIGNED', 'RUNNING')
    ORDER BY r.due_at, r.id
""")
ORPHAN_CANDIDATES = Statement(f"""
    SELECT {ORDER_COLUMNS} FROM scheduler_job_run AS r {ORDER_JOINS}
    WHERE r.finished_at IS NULL AND r.state = 'RUNNING' AND {NOT_LIVE}
    ORDER BY r.id LIMIT %(limit)s
""")


class LeaderReads(Closing):
    """The reading half of ``ports.LeaderStore``."""

    def agenda(self) -> Agenda:
        retries, requests, cancels, fire_at, backfills = self._session.run(AGENDA)[0]
        return Agenda(
            retries=bool(retries),
            requests=bool(requests),
            cancels=bool(cancels),
            next_fire_at=maybe_time(fire_at),
            backfills=bool(backfills),
        )

    def due_definitions(self, until: datetime, limit: int) -> list[DefinitionRow]:
        rows = self._session.run(DUE_DEFINITIONS, until=until, limit=limit)
        return [_definition(row) for row in rows]

    def unhandled_requests(self, limit: int) -> list[RequestRow]:
        return [
            RequestRow(
                request_id=uuid_of(row[0]),
                definition_id=row[1],
                slot_key=row[2],
                scheduled_for=time_of(row[3]),
                args=json_of(row[4]),
            )
            for row in self._session.run(UNHANDLED, limit=limit)
        ]

    def waiting(
        self, until: datetime, limit: int, *, for_a_place_only: bool = False
    ) -> list[WaitingRow]:
        statement = WAITING_FOR_A_PLACE if for_a_place_only else WAITING
        return [_waiting(row) for row in self._session.run(statement, until=until, limit=limit)]

    def active(self) -> list[ActiveRow]:
        return [_active(row) for row in self._session.run(ACTIVE)]

    def orphan_candidates(self, limit: int) -> list[tuple[UUID, int, StartOrder]]:
        orders = [order_of(row) for row in self._session.run(ORPHAN_CANDIDATES, limit=limit)]
        return [(order.run_id, order.orphan_count, order) for order in orders]


def _definition(row: Row) -> DefinitionRow:
    return DefinitionRow(
        definition_id=row[0],
        name=row[1],
        revision=row[2],
        schedule=json_of(row[3]) or NEVER,
        timezone=row[4],
        planned_until=time_of(row[5]),
        next_fire_at=time_of(row[6]),
        enabled=bool(row[7]),
        misfire_policy=row[8],
        skip_late_after_seconds=row[9],
        starts_at=maybe_time(row[10]),
        ends_at=maybe_time(row[11]),
        edited_at=maybe_time(row[12]),
        superseded=json_of(row[13]),
    )


def _waiting(row: Row) -> WaitingRow:
    return WaitingRow(
        run_id=uuid_of(row[0]),
        definition_id=row[1],
        job_name=row[2],
        slot_key=row[3],
        attempt=row[4],
        due_at=time_of(row[5]),
        scheduled_for=time_of(row[6]),
        priority=row[7],
        queue=row[8],
        required_labels=json_of(row[9]),
        executor=row[10],
        concurrency_policy=row[11],
        max_parallel=row[12],
        skip_late_after_seconds=row[13],
        cancel_requested=bool(row[14]),
        quarantined=bool(row[15]),
        reason=_reason(row[16]),
    )


def _reason(text: str) -> Reason | None:
    """None also for a reason that a newer version of this software wrote."""
    return Reason(text) if text in Reason else None


def _active(row: Row) -> ActiveRow:
    return ActiveRow(
        run_id=uuid_of(row[0]),
        definition_id=row[1],
        state=RunState(row[2]),
        worker_id=row[3],
        assign_seq=row[4],
        due_at=time_of(row[5]),
        assigned_age_seconds=row[6],
        cancel_requested=bool(row[7]),
        orphan_count=row[8],
    )
