"""What the leader reads: definitions due, runs waiting, runs under way."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from scheduler.domain.values import Reason, RunState, StartOrder
from scheduler.ports import (
    ActiveRow,
    Agenda,
    CalendarRow,
    DefinitionRow,
    RequestRow,
    WaitingRow,
)
from scheduler.store.dialects import json_of, maybe_time, time_of, uuid_of
from scheduler.store.fencing import chunks
from scheduler.store.orders import ORDER_COLUMNS, ORDER_JOINS, order_of
from scheduler.store.quarantine import failed_itself
from scheduler.store.sessions import Closing, Row
from scheduler.store.statements import Statement
from scheduler.store.upstream_ends import UPSTREAM_ENDS

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
           d.superseded::text, d.calendar, d.calendar_rule, c.revision, c.id
    FROM scheduler_job_definition AS d LEFT JOIN scheduler_calendar AS c ON c.name = d.calendar
    WHERE d.next_fire_at IS NOT NULL AND d.next_fire_at <= %(until)s
    ORDER BY d.next_fire_at, d.id LIMIT %(limit)s
""")
# The keys of timed slots sort as their instants do, by whole days in any collation: they lead to
# the rows by the index of the slots.
SLOTS_PLANNED = Statement(
    batches={"v": {"definition_id": "bigint", "after": "timestamptz", "from_key": "text"}},
    result="""
        SELECT r.definition_id, r.scheduled_for
        FROM v JOIN scheduler_job_run AS r ON r.definition_id = v.definition_id
        WHERE r.slot_key >= v.from_key AND substr(r.slot_key, 1, 2) = 't:' AND r.attempt = 1
          AND r.scheduled_for > v.after AND r.scheduled_until IS NULL
    """,
)
CALENDAR = Statement("""
    SELECT c.revision, c.name, c.weekly_days_off::text, c.holidays::text, c.days::text,
           c.holidays_from, c.holidays_until, c.id
    FROM scheduler_calendar AS c WHERE c.name = %(name)s
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
           EXISTS ({UPSTREAM_ENDS}),
           EXISTS (SELECT 1 FROM scheduler_backfill AS b WHERE b.fed_at IS NULL)
""")
UNHANDLED = Statement("""
    SELECT q.id, q.definition_id, q.slot_key, q.scheduled_for, q.args::text
    FROM scheduler_run_request AS q WHERE q.handled_at IS NULL
    ORDER BY q.requested_at, q.id LIMIT %(limit)s
""")
# IN, not EXISTS: which definitions depend is found out once, not for each row.
_WAITING_COLUMNS = f"""
    r.id, r.definition_id, d.name, r.slot_key, r.attempt, r.due_at, r.scheduled_for,
    d.priority, d.queue, d.required_labels::text, d.executor, d.concurrency_policy,
    d.max_parallel, d.skip_late_after_seconds, r.cancel_requested_at IS NOT NULL,
    d.quarantined_at IS NOT NULL, r.reason,
    d.id IN (SELECT y.definition_id FROM scheduler_dependency AS y),
    d.start_cap_per_minute, d.retry_budget_per_hour, d.quarantine_after_failures,
    CASE WHEN d.retry_budget_per_hour IS NOT NULL AND r.retry_of IS NOT NULL
         THEN (SELECT {failed_itself("p")}
               FROM scheduler_job_run AS p WHERE p.id = r.retry_of)
         ELSE false END
"""
_WAITS = "r.finished_at IS NULL AND r.due_at <= %(until)s AND r.state = 'PENDING'"
# Slots that catch up, and backfills, come after what is due now (domain.runs.is_catch_up).
_IN_TURN = """
    k.priority DESC, w.attempt = 1 AND (w.due_at > w.scheduled_for OR w.slot_key LIKE 'b:%%'),
    w.due_at, w.id
"""


def _heads(runs: str = "", definitions: str = "") -> Statement:
    """The first of each kind (``ports.LeaderStore.waiting``).

    Kinds are numbered first, over the definitions concerned: to sort all that waits by texts, or
    with all its columns, costs several times as much.
    """
    return Statement(f"""
        WITH w AS MATERIALIZED (
            SELECT r.id, r.definition_id, r.due_at, r.scheduled_for, r.attempt, r.slot_key
            FROM scheduler_job_run AS r WHERE {_WAITS} {runs}
        ), k AS MATERIALIZED (
            SELECT d.id, d.priority, dense_rank() OVER (
                ORDER BY d.queue, d.required_labels::text, d.executor,
                CASE WHEN d.concurrency_policy <> 'allow' OR d.max_parallel IS NOT NULL
                          OR d.quarantined_at IS NOT NULL OR d.start_cap_per_minute IS NOT NULL
                          OR d.retry_budget_per_hour IS NOT NULL THEN d.id ELSE 0 END) AS kind
            FROM scheduler_job_definition AS d
            WHERE d.id IN (SELECT w.definition_id FROM w) {definitions}
        ), heads AS MATERIALIZED (
            SELECT t.id, t.turn FROM (
                SELECT w.id, row_number() OVER (PARTITION BY k.kind ORDER BY {_IN_TURN}) AS turn
                FROM w JOIN k ON k.id = w.definition_id
            ) AS t WHERE t.turn <= %(heads)s ORDER BY t.turn LIMIT %(limit)s
        )
        SELECT {_WAITING_COLUMNS}
        FROM heads AS h JOIN scheduler_job_run AS r ON r.id = h.id
        JOIN scheduler_job_definition AS d ON d.id = r.definition_id
        ORDER BY h.turn, d.priority DESC, r.due_at, r.id
    """)


# What waits for an upstream is looked at when one has ended.
_NOT_PARKED = "AND r.reason <> 'WAIT_UPSTREAM'"
WAITING = _heads(_NOT_PARKED)
WAITING_FOR_A_PLACE = _heads(
    "AND (substr(r.reason, 1, 5) <> 'WAIT_' OR r.reason = 'WAIT_CAPACITY')",
    "AND d.concurrency_policy = 'allow' AND d.max_parallel IS NULL"
    " AND d.start_cap_per_minute IS NULL AND d.retry_budget_per_hour IS NULL",
)
WAITING_ROWS = f"""
    SELECT {_WAITING_COLUMNS}
    FROM scheduler_job_run AS r JOIN scheduler_job_definition AS d ON d.id = r.definition_id
    WHERE {_WAITS}
"""
WAITING_AFTER = Statement(f"""
    {WAITING_ROWS} {_NOT_PARKED} AND r.id > %(run_id)s ORDER BY r.id LIMIT %(limit)s
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
        retries, requests, cancels, fire_at, ends, backfills = self._session.run(AGENDA)[0]
        return Agenda(
            retries=bool(retries),
            requests=bool(requests),
            cancels=bool(cancels),
            next_fire_at=maybe_time(fire_at),
            upstream_ends=bool(ends),
            backfills=bool(backfills),
        )

    def due_definitions(self, until: datetime, limit: int) -> list[DefinitionRow]:
        rows = self._session.run(DUE_DEFINITIONS, until=until, limit=limit)
        return [_definition(row) for row in rows]

    def calendar(self, name: str) -> CalendarRow | None:
        return next(map(_calendar, self._session.run(CALENDAR, name=name)), None)

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

    def slots_planned(
        self, definitions: Sequence[tuple[int, datetime]]
    ) -> dict[int, frozenset[datetime]]:
        found: dict[int, set[datetime]] = {each: set() for each, _after in definitions}
        batch = [(each, after, _day_before(after)) for each, after in definitions]
        for part in chunks(batch):
            for definition_id, scheduled_for in self._session.run(SLOTS_PLANNED, {"v": part}):
                found[definition_id].add(time_of(scheduled_for))
        return {each: frozenset(slots) for each, slots in found.items()}

    def waiting(
        self, until: datetime, limit: int, *, heads: int, for_a_place_only: bool = False
    ) -> list[WaitingRow]:
        statement = WAITING_FOR_A_PLACE if for_a_place_only else WAITING
        rows = self._session.run(statement, until=until, limit=limit, heads=heads)
        return [waiting_row(row) for row in rows]

    def waiting_after(self, until: datetime, limit: int, run_id: UUID) -> list[WaitingRow]:
        rows = self._session.run(WAITING_AFTER, until=until, limit=limit, run_id=run_id)
        return [waiting_row(row) for row in rows]

    def active(self) -> list[ActiveRow]:
        return [_active(row) for row in self._session.run(ACTIVE)]

    def orphan_candidates(self, limit: int) -> list[tuple[UUID, int, StartOrder]]:
        orders = [order_of(row) for row in self._session.run(ORPHAN_CANDIDATES, limit=limit)]
        return [(order.run_id, order.orphan_count, order) for order in orders]


def _day_before(instant: datetime) -> str:
    return f"t:{(instant.astimezone(UTC) - timedelta(days=1)).date().isoformat()}"


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
        calendar=row[14],
        calendar_rule=row[15],
        calendar_revision=row[16],
        calendar_id=row[17] or 0,
    )


def _calendar(row: Row) -> CalendarRow:
    parts = {
        "name": row[1],
        "weekly_days_off": json_of(row[2]),
        "holidays": json_of(row[3]),
        "days": json_of(row[4]),
        "holidays_from": row[5],
        "holidays_until": row[6],
    }
    return CalendarRow(row[0], parts, row[7])


def waiting_row(row: Row) -> WaitingRow:
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
        depends=bool(row[17]),
        start_cap_per_minute=row[18],
        retry_budget_per_hour=row[19],
        quarantine_after_failures=row[20],
        own_retry=bool(row[21]),
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
