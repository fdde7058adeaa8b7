"""What the store's tests build their stories of: a database, its stores, and rows to begin with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from scheduler.domain.values import Claim, Fence, RunResult, RunState, WorkerFacts
from scheduler.ports import CursorMove, NewRun
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.leases import SqlLeaseStore
from scheduler.store.sessions import Database
from scheduler.store.statements import Statement
from scheduler.store.worker import SqlWorkerStore

ADD_DEFINITION = Statement("""
    INSERT INTO scheduler_job_definition
        (name, command_name, default_args_json, planned_until, next_fire_at, edited_at,
         concurrency_policy, max_attempts, queue, priority, superseded)
    VALUES (%(name)s, %(command_name)s, %(args)s::jsonb, %(planned_until)s, %(next_fire_at)s,
            %(edited_at)s, 'allow', 3, %(queue)s, %(priority)s,
            %(superseded)s::jsonb)
    RETURNING id
""")
ADD_REQUEST = Statement("""
    INSERT INTO scheduler_run_request (id, definition_id, slot_key, scheduled_for, args)
    VALUES (%(id)s, %(definition_id)s, %(slot_key)s, %(scheduled_for)s, %(args)s::jsonb)
""")
SET_RENEWED = Statement("""
    UPDATE scheduler_worker_lease SET renewed_at = clock_timestamp() + make_interval(secs => %(by)s)
    WHERE worker_id = %(worker_id)s
""")


@dataclass
class World:
    database: Database
    fence: Fence = field(default_factory=lambda: Fence(0, uuid4()))
    sequence: int = 0

    def __post_init__(self) -> None:
        self.cluster = SqlClusterStore(self.database)
        self.leases = SqlLeaseStore(self.database)
        self.leader = SqlLeaderStore(self.database)
        self.workers = SqlWorkerStore(self.database)
        self.session = self.database.session("read")

    def close(self) -> None:
        for part in (self.cluster, self.leases, self.leader, self.workers, self.session):
            part.close()

    def now(self) -> datetime:
        return self.cluster.read().db_now

    def elect(self, worker_id: str = "w-1", cluster: SqlClusterStore | None = None) -> Fence:
        """Make ``worker_id`` the leader; its fence becomes ours."""
        cluster = cluster or self.cluster
        seen, term = self.cluster.read().epoch, uuid4()
        assert bump(cluster, seen, term, worker_id)
        self.fence = Fence(seen + 1, term)
        return self.fence

    def worker(self, worker_id: str = "w-1", **changes: Any) -> WorkerFacts:
        facts = facts_of(worker_id, **changes)
        self.leases.register(facts)
        return facts

    def define(self, name: str = "report", **changes: Any) -> int:
        values: dict[str, Any] = {
            "name": name,
            "command_name": "noop",
            "args": '["--fast"]',
            "planned_until": T0,
            "next_fire_at": T0,
            "edited_at": None,
            "priority": 0,
            "queue": "default",
            "superseded": "[]",
        } | changes
        return int(self.session.run(ADD_DEFINITION, **values)[0][0])

    def request(self, definition_id: int, args: str | None = None) -> UUID:
        request = uuid7()
        self.session.run(
            ADD_REQUEST,
            id=request,
            definition_id=definition_id,
            slot_key=f"m:{request}",
            scheduled_for=T0,
            args=args,
        )
        return request

    def plan_request(self, definition_id: int) -> UUID:
        """A PENDING run that a person asked for."""
        return self.plan_request_of(definition_id, self.request(definition_id))

    def plan_request_of(self, definition_id: int, request: UUID) -> UUID:
        """The PENDING run of a request."""
        run = new_run(definition_id, 5, slot_key=f"m:{request}")
        assert self.leader.record_requests(self.fence, [(request, run)]) == 1
        return run.run_id

    def delete_definitions(self) -> None:
        self.session.run(
            Statement("UPDATE scheduler_job_definition SET deleted_at = clock_timestamp()")
        )

    def plan(self, definition_id: int, count: int = 1, **changes: Any) -> list[UUID]:
        """PENDING runs of a definition, planned by the leader."""
        cursor = self.value(
            "SELECT planned_until FROM scheduler_job_definition WHERE id = %(id)s", id=definition_id
        )
        runs = tuple(new_run(definition_id, index, **changes) for index in range(count))
        move = CursorMove(definition_id, 1, as_time(cursor), T0 + timedelta(days=1), None, runs)
        assert self.leader.record_plan(self.fence, [move]) == [definition_id]
        return [run.run_id for run in runs]

    def assign(self, runs: list[UUID], worker_id: str = "w-1") -> dict[UUID, int]:
        triples = [(run, worker_id, self.next_seq()) for run in runs]
        orders = self.leader.assign(self.fence, triples)
        return {order.run_id: order.assign_seq for _, order in orders}

    def start(self, runs: list[UUID], worker_id: str = "w-1") -> dict[UUID, UUID]:
        """Runs assigned to and claimed by a worker, with their claim tokens."""
        claims = [(run, seq, uuid4()) for run, seq in self.assign(runs, worker_id).items()]
        claimed = self.workers.claim(worker_id, claims, hold_seq=self.cluster.read().hold_seq)
        assert sorted(claimed) == sorted(runs)
        return {run: token for run, _, token in claims}

    def next_seq(self) -> int:
        self.sequence += 1
        return self.fence.epoch << 32 | self.sequence

    def limit(self, definition: int, **limits: int | None) -> None:
        """Set limits of a definition."""
        for column, value in limits.items():
            text = f"UPDATE scheduler_job_definition SET {column} = %(value)s WHERE id = %(id)s"
            self.session.run(Statement(text), value=value, id=definition)

    def age_alerts(self, seconds: float) -> None:
        """All alerts so far were raised so many seconds ago."""
        then = "clock_timestamp() + make_interval(secs => %(by)s)"
        self.session.run(Statement(f"UPDATE scheduler_alert SET at = {then}"), by=-seconds)

    def age_lease(self, worker_id: str, seconds: float) -> None:
        self.session.run(SET_RENEWED, worker_id=worker_id, by=-seconds)

    def lose(self, worker_id: str) -> None:
        self.age_lease(worker_id, 3600.0)
        assert self.leases.mark_lost(self.fence, [worker_id]) == [worker_id]

    def states(self) -> dict[UUID, RunState]:
        rows = self.session.run(Statement("SELECT id, state FROM scheduler_job_run"))
        return {as_uuid(row[0]): RunState(row[1]) for row in rows}

    def state(self, run: UUID) -> RunState:
        return self.states()[run]

    def value(self, text: str, **values: Any) -> Any:
        return self.session.run(Statement(text), **values)[0][0]

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM {table}"))

    def run_value(self, run: UUID, column: str) -> Any:
        return self.value(f"SELECT {column} FROM scheduler_job_run WHERE id = %(id)s", id=run)

    def detail(self, run: UUID, column: str) -> Any:
        rows = self.session.run(
            Statement(f"SELECT {column}::text FROM scheduler_job_run_detail WHERE run_id = %(id)s"),
            id=run,
        )
        return rows[0][0] if rows else None


T0 = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def bump(cluster: SqlClusterStore, seen: int, term: UUID, worker_id: str) -> bool:
    return cluster.bump(
        seen_epoch=seen,
        new_epoch=seen + 1,
        term_id=term,
        worker_id=worker_id,
        address=f"{worker_id}:50051",
        trust_seconds=5.0,
        flaps=0,
    )


def facts_of(worker_id: str, **changes: Any) -> WorkerFacts:
    values: dict[str, Any] = {
        "worker_id": worker_id,
        "node_id": "node-1",
        "hostname": "host",
        "pid": 1,
        "grpc_address": f"{worker_id}:50051",
        "queues": ("default",),
        "labels": {"zone": "a"},
        "capacity": 10,
        "lease_seconds": 10.0,
        "margin_seconds": 5.0,
        "protocol_version": 1,
        "capabilities": ("management_command",),
        "software_version": "0.1",
    } | changes
    return WorkerFacts(**values)


def new_run(definition_id: int, index: int = 0, **changes: Any) -> NewRun:
    slot = T0 + timedelta(seconds=index)
    values: dict[str, Any] = {
        "run_id": uuid7(),
        "definition_id": definition_id,
        "slot_key": f"t:{slot.isoformat()}",
        "attempt": 1,
        "state": RunState.PENDING,
        "scheduled_for": slot,
        "due_at": slot,
    } | changes
    return NewRun(**values)


def result(
    run: UUID, token: UUID, state: RunState = RunState.SUCCEEDED, **changes: Any
) -> RunResult:
    return RunResult(run_id=run, claim_token=token, state=state, **changes)


def claim_of(run: UUID, definition: int, index: int = 0, **changes: Any) -> Claim:
    """The journal's word of w-1's claim of a run that ``new_run`` planned."""
    values: dict[str, Any] = {
        "run_id": run,
        "definition_id": definition,
        "slot_key": f"t:{(T0 + timedelta(seconds=index)).isoformat()}",
        "attempt": 1,
        "orphan_count": 0,
        "scheduled_for": T0 + timedelta(seconds=index),
        "assign_seq": 7,
        "claim_token": uuid4(),
        "worker_id": "w-1",
        "args": None,
        "at": 0.0,
    } | changes
    return Claim(**values)


def as_uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def as_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value).replace(tzinfo=UTC)
