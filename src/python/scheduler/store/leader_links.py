"""Dependencies in the RDB: what links definitions, how upstreams' slots stand, what follows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from scheduler.domain.dependencies import Link, SlotRun
from scheduler.domain.dependency_graph import Match, OnFailure
from scheduler.domain.followers import Ended
from scheduler.domain.lineage import KeyRange
from scheduler.domain.values import Fence, RunState
from scheduler.ports import NewRun, WaitingRow
from scheduler.store.dialects import maybe_time, time_of, uuid_of
from scheduler.store.fencing import FENCE, chunks, fenced
from scheduler.store.leader_plan import NEW_RUN, RUN_COLUMNS, RUN_VALUES, new_run_row
from scheduler.store.leader_reads import WAITING_ROWS, waiting_row
from scheduler.store.newest_slots import newest_in_range
from scheduler.store.sessions import Closing, Row
from scheduler.store.statements import Statement
from scheduler.store.upstream_ends import UPSTREAM_ENDS

_LINKS = """
    SELECT y.definition_id, y.upstream_id, u.name, y.match, y.on_failure, y.max_age_seconds,
           y.max_wait_seconds,
           CASE WHEN u.schedule IS NOT NULL AND u.edited_at IS NULL THEN u.planned_until END,
           u.enabled AND u.deleted_at IS NULL
    FROM scheduler_dependency AS y
    JOIN scheduler_job_definition AS u ON u.id = y.upstream_id
"""
LINKS = Statement(
    batches={"v": {"id": "bigint"}},
    result=f"{_LINKS} WHERE y.definition_id IN (SELECT v.id FROM v) ORDER BY y.id",
)
TRIGGERED_LINKS = Statement(
    batches={"v": {"id": "bigint"}},
    result=f"""
        {_LINKS} JOIN scheduler_job_definition AS d ON d.id = y.definition_id
        WHERE d.schedule IS NULL AND d.enabled AND d.deleted_at IS NULL
          AND y.definition_id IN (SELECT w.definition_id FROM scheduler_dependency AS w
                                  WHERE w.upstream_id IN (SELECT v.id FROM v))
        ORDER BY y.id
    """,
)
_RANGES = {"definition_id": "bigint", "low": "text", "high": "text"}
_SLOT_RUN = """
    SELECT r.definition_id, r.id, r.slot_key, r.attempt, r.state, r.scheduled_for,
           r.retry_due_at IS NOT NULL
"""
RUNS_OF = Statement(
    batches={"v": _RANGES},
    result=f"""
        {_SLOT_RUN} FROM v JOIN scheduler_job_run AS r
          ON r.definition_id = v.definition_id AND r.slot_key >= v.low AND r.slot_key <= v.high
        ORDER BY r.id
    """,
)
NEWEST_OF = Statement(
    batches={"v": _RANGES},
    result=f"""
        {_SLOT_RUN} FROM scheduler_job_run AS r WHERE r.id IN (
            SELECT {newest_in_range("n.id", "v.definition_id")} FROM v)
        ORDER BY r.id
    """,
)
PARKED = Statement(f"""
    {WAITING_ROWS} AND r.reason = 'WAIT_UPSTREAM'
    AND (r.due_at > %(due_at)s OR r.due_at = %(due_at)s AND r.id > %(id)s)
    ORDER BY r.due_at, r.id LIMIT %(limit)s
""")
ENDS = Statement(f"{UPSTREAM_ENDS} ORDER BY e.run_id LIMIT %(limit)s")
RECORD_TRIGGERED = Statement(
    batches={"v": {"id": "uuid"}, "n": NEW_RUN},
    steps={
        "f": FENCE,
        "forgotten": """
            DELETE FROM scheduler_upstream_end
            WHERE run_id IN (SELECT v.id FROM f CROSS JOIN v) RETURNING run_id
        """,
        # A definition that was deleted, disabled or given a schedule meanwhile is not triggered.
        "inserted": f"""
            INSERT INTO scheduler_job_run AS r ({RUN_COLUMNS})
            SELECT {RUN_VALUES}
            FROM f CROSS JOIN n JOIN scheduler_job_definition AS d ON d.id = n.definition_id
            WHERE d.enabled AND d.deleted_at IS NULL AND d.schedule IS NULL
            ON CONFLICT (definition_id, slot_key, attempt) DO NOTHING
            RETURNING r.id
        """,
    },
    result="SELECT r.id FROM inserted AS r",
)
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 9000))
"""Bounds of the instants at which a run is due."""


class LinkStatements(Closing):
    """``ports.LinkStore``."""

    def links(self, definition_ids: Sequence[int]) -> list[Link]:
        return self._links(LINKS, definition_ids)

    def triggered_links(self, upstream_ids: Sequence[int]) -> list[Link]:
        return self._links(TRIGGERED_LINKS, upstream_ids)

    def _links(self, statement: Statement, ids: Sequence[int]) -> list[Link]:
        if not ids:
            return []
        rows = self._session.run(statement, {"v": [(one,) for one in sorted(set(ids))]})
        return [_link(row) for row in rows]

    def newest_of(self, ranges: Sequence[KeyRange]) -> list[SlotRun]:
        return self._runs(NEWEST_OF, ranges)

    def runs_of(self, ranges: Sequence[KeyRange]) -> list[SlotRun]:
        return self._runs(RUNS_OF, ranges)

    def _runs(self, statement: Statement, ranges: Sequence[KeyRange]) -> list[SlotRun]:
        rows = [(each.definition_id, each.low, each.high) for each in dict.fromkeys(ranges)]
        return [
            _slot_run(row)
            for part in chunks(rows)
            for row in self._session.run(statement, {"v": part})
        ]

    def parked(self, after: tuple[datetime, UUID] | None, limit: int) -> list[WaitingRow]:
        due_at, run_id = after or (FIRST, UUID(int=0))
        rows = self._session.run(PARKED, until=LAST, due_at=due_at, id=run_id, limit=limit)
        return [waiting_row(row) for row in rows]

    def upstream_ends(self, limit: int) -> list[Ended]:
        return [
            Ended(uuid_of(row[0]), row[1], row[2], time_of(row[3]))
            for row in self._session.run(ENDS, limit=limit)
        ]

    def record_triggered(
        self, fence: Fence, ended: Sequence[UUID], runs: Sequence[NewRun]
    ) -> list[UUID]:
        batches = {"v": [(run_id,) for run_id in ended], "n": [new_run_row(run) for run in runs]}
        return [uuid_of(row[0]) for row in fenced(self._session, fence, RECORD_TRIGGERED, batches)]


def _link(row: Row) -> Link:
    return Link(
        definition_id=row[0],
        upstream_id=row[1],
        upstream=row[2],
        match=Match(row[3]),
        on_failure=OnFailure(row[4]),
        max_age_seconds=row[5],
        max_wait_seconds=row[6],
        planned_until=maybe_time(row[7]),
        active=bool(row[8]),
    )


def _slot_run(row: Row) -> SlotRun:
    return SlotRun(
        definition_id=row[0],
        run_id=uuid_of(row[1]),
        slot_key=row[2],
        attempt=row[3],
        state=RunState(row[4]),
        scheduled_for=time_of(row[5]),
        retry_due=bool(row[6]),
    )
