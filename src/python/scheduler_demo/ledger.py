"""The rows of the database as they stand, read without the project's own code.

The audit must not share a mistake with what it audits: this is plain SQL over psycopg or sqlite3,
with no model, no store and no query object in between.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from scheduler_demo.days import Days

OPEN_STATES = frozenset({"PENDING", "ASSIGNED", "RUNNING"})


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition's timetable. ``since``: the schedule makes no slot at or before it;
    ``prompt``: nothing but the scheduler stands between a due slot and its start (a warm fork,
    no other run or job to wait for); ``days`` are those of its calendar, None without one."""

    id: int
    name: str
    schedule: dict[str, Any] | None
    timezone: str
    enabled: bool
    since: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    prompt: bool = True
    days: Days | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the ledger of slots."""

    id: UUID
    definition_id: int
    slot_key: str
    attempt: int
    state: str
    reason: str
    scheduled_for: datetime
    scheduled_until: datetime | None
    due_at: datetime
    worker_id: str | None
    assign_seq: int
    started_at: datetime | None
    finished_at: datetime | None
    retry_pending: bool = False


@dataclass(frozen=True, slots=True)
class Dependency:
    """A definition that runs after another. ``since``: it was made then; ``plain``: it is on the
    same slot, whose failure skips."""

    definition_id: int
    upstream_id: int
    since: datetime
    plain: bool


@dataclass(frozen=True, slots=True)
class Leadership:
    """The cluster row. ``released``: the term was given up on purpose."""

    epoch: int
    leader: str | None
    subleader: str | None
    released: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's lease row; ``node_id`` tells which of the demo's processes it is."""

    worker_id: str
    node_id: str
    pid: int
    state: str
    desired: str
    open_runs: int


class Ledger:
    """Reads over short connections of its own; ``dsn`` is a DATABASE_URL.

    Every method raises ``psycopg.Error`` or ``sqlite3.Error`` when the database is away."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def leadership(self) -> Leadership:
        """Who leads, by the RDB."""
        rows = self._rows(
            "SELECT epoch, leader_worker_id, subleader_worker_id, released FROM scheduler_cluster"
        )
        if not rows:
            return Leadership(0, None, None, False)
        epoch, leader, subleader, released = rows[0]
        return Leadership(epoch, leader, subleader, bool(released))

    def leases(self, *states: str) -> list[Lease]:
        """Lease rows in the given states (all states without any), oldest first."""
        rows = self._rows(
            "SELECT worker_id, node_id, pid, state, desired, open_runs"
            " FROM scheduler_worker_lease ORDER BY registered_at"
        )
        leases = [Lease(*row) for row in rows]
        return [lease for lease in leases if not states or lease.state in states]

    def definitions(self) -> list[Definition]:
        """Definitions that are not deleted."""
        rows = self._rows(
            "SELECT d.id, d.name, d.schedule, d.timezone, d.enabled, d.schedule_since, d.starts_at,"
            " d.ends_at, d.isolation = 'fork' AND d.concurrency_policy = 'allow'"
            " AND d.max_parallel IS NULL"
            " AND d.id NOT IN (SELECT definition_id FROM scheduler_dependency),"
            " d.calendar_rule, c.weekly_days_off, c.holidays, c.days"
            " FROM scheduler_job_definition AS d"
            " LEFT JOIN scheduler_calendar AS c ON c.name = d.calendar"
            " WHERE d.deleted_at IS NULL ORDER BY d.id"
        )
        return [
            Definition(
                id=row[0],
                name=row[1],
                schedule=_json(row[2]),
                timezone=row[3],
                enabled=bool(row[4]),
                since=_known(_instant(row[5])),
                starts_at=_instant(row[6]),
                ends_at=_instant(row[7]),
                prompt=bool(row[8]),
                days=None
                if row[10] is None
                else Days(_json(row[10]), _json(row[11]), _json(row[12]), row[9]),
            )
            for row in rows
        ]

    def dependencies(self) -> list[Dependency]:
        """What depends on what."""
        rows = self._rows(
            "SELECT definition_id, upstream_id, created_at,"
            " match = 'same_slot' AND on_failure = 'skip' FROM scheduler_dependency ORDER BY id"
        )
        return [Dependency(row[0], row[1], _known(_instant(row[2])), bool(row[3])) for row in rows]

    def runs(self) -> list[Run]:
        """All runs, in order of their slots."""
        rows = self._rows(
            "SELECT id, definition_id, slot_key, attempt, state, reason, scheduled_for,"
            " scheduled_until, due_at, worker_id, assign_seq, started_at, finished_at,"
            " retry_due_at IS NOT NULL"
            " FROM scheduler_job_run ORDER BY scheduled_for, definition_id, attempt"
        )
        return [_run(row) for row in rows]

    def _rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        if self._dsn.startswith("sqlite:"):
            with closing(sqlite3.connect(urlsplit(self._dsn).path[1:], timeout=20)) as connection:
                return connection.execute(query).fetchall()
        with psycopg.connect(self._dsn, connect_timeout=5) as connection:
            return connection.execute(query.encode()).fetchall()


def _run(row: tuple[Any, ...]) -> Run:
    return Run(
        id=row[0] if isinstance(row[0], UUID) else UUID(str(row[0])),
        definition_id=row[1],
        slot_key=row[2],
        attempt=row[3],
        state=row[4],
        reason=row[5],
        scheduled_for=_known(_instant(row[6])),
        scheduled_until=_instant(row[7]),
        due_at=_known(_instant(row[8])),
        worker_id=row[9],
        assign_seq=row[10],
        started_at=_instant(row[11]),
        finished_at=_instant(row[12]),
        retry_pending=bool(row[13]),
    )


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _instant(value: Any) -> datetime | None:
    """Aware UTC. SQLite keeps instants as text, without a zone, in UTC."""
    if value is None:
        return None
    parsed = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _known(value: datetime | None) -> datetime:
    assert value is not None
    return value
