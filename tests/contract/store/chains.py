"""Definitions that depend on each other, with the leader's own parts at work on their rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from uuid_utils.compat import uuid7

from scheduler.domain.values import (
    DesiredMode,
    LeaseState,
    Reason,
    RunState,
    StartOrder,
    WorkerView,
)
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.linker import Linker
from scheduler.runtime.member import Term
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World, facts_of, new_run, result

ADD_DEPENDENCY = Statement("""
    INSERT INTO scheduler_dependency
        (definition_id, upstream_id, match, on_failure, max_age_seconds, max_wait_seconds)
    VALUES (%(definition_id)s, %(upstream_id)s, %(match)s, %(on_failure)s, %(max_age_seconds)s,
            %(max_wait_seconds)s)
""")
SCHEDULE = Statement("""
    UPDATE scheduler_job_definition SET schedule = '{"kind": "hourly", "minute": 0}'::jsonb
    WHERE id = %(id)s
""")


@dataclass
class LateClock:
    """The cluster's time is what the test says; boottime goes with it."""

    at: datetime = T0 + timedelta(minutes=1)

    def now(self) -> datetime:
        return self.at

    def boottime(self) -> float:
        return (self.at - T0).total_seconds()


@dataclass
class Dispatched:
    orders: list[StartOrder] = field(default_factory=list)

    def start(self, worker_id: str, address: str, orders: Sequence[StartOrder]) -> None:
        self.orders += orders


class Chains:
    """``tick`` does a leader's work on dependencies: link, then assign, until nothing follows."""

    def __init__(self, world: World) -> None:
        self.world, self.clock, self.dispatched = world, LateClock(), Dispatched()
        self.config = RuntimeConfig()
        self.new_leader()

    def new_leader(self) -> None:
        """Another process leads, which remembers nothing."""
        fence = self.world.elect(self.world.cluster.read().leader_worker_id or "w-1")
        self.term = Term(fence.epoch, fence.term_id, "w-1", 0.0, 10.0)
        store, clock = self.world.leader, cast(Any, self.clock)
        self.linker = Linker(store, clock, lambda: self.config, uuid7)
        self.assigner = Assigner(
            store, cast(Any, self.dispatched), clock, lambda: self.config, lambda worker_id: ""
        )

    def define(self, name: str, *, scheduled: bool = False) -> int:
        definition = self.world.define(name)
        if scheduled:
            self.world.session.run(SCHEDULE, id=definition)
        return definition

    def depend(self, definition: int, upstream: int, **changes: Any) -> None:
        values: dict[str, Any] = {
            "match": "same_slot",
            "on_failure": "skip",
            "max_age_seconds": None,
            "max_wait_seconds": None,
        } | changes
        self.world.session.run(
            ADD_DEPENDENCY, definition_id=definition, upstream_id=upstream, **values
        )

    def slot(self, definition: int, index: int = 0, **changes: Any) -> UUID:
        """A planned run of the slot so many seconds after T0."""
        key = slot_key_of(T0 + timedelta(seconds=index))
        run = new_run(definition, index, **{"slot_key": key, **changes})
        request = self.world.request(definition)
        assert self.world.leader.record_requests(self.world.fence, [(request, run)]) == 1
        return run.run_id

    def day_off(self, definition: int, index: int = 0) -> UUID:
        """The run of a slot that the calendar of its definition skipped, as it is planned."""
        return self.slot(definition, index, state=RunState.SKIPPED, reason=Reason.CALENDAR)

    def tick(self, seconds: float = 0.0) -> float:
        """As long as there is more to do; returns what the last tick returned."""
        self.clock.at += timedelta(seconds=seconds)
        for _ in range(50):
            if self.world.leader.agenda().upstream_ends:
                self.linker.tick(self.term)
                self.assigner.parked.told()
            due_in = self.assigner.tick(self.term, self._workers(), paused=False)
            if due_in > 0.0 and not self.world.leader.agenda().upstream_ends:
                return due_in
        raise AssertionError("there is always more to do")

    def run(self, run: UUID, state: RunState = RunState.SUCCEEDED, **changes: Any) -> None:
        """The run, assigned or still to be, is claimed and ends so."""
        if self.world.state(run) is RunState.PENDING:
            self.world.assign([run])
        seq = self.world.run_value(run, "assign_seq")
        token = uuid7()
        hold_seq = self.world.cluster.read().hold_seq
        assert self.world.workers.claim("w-1", [(run, seq, token)], hold_seq=hold_seq) == [run]
        assert self.world.workers.finish("w-1", [result(run, token, state, **changes)]) == [run]

    def rows(self, definition: int) -> list[tuple[str, str, str]]:
        """(slot key, state, reason) of a definition's runs, oldest first."""
        statement = Statement(
            "SELECT slot_key, state, reason FROM scheduler_job_run"
            " WHERE definition_id = %(id)s ORDER BY id"
        )
        return [tuple(row) for row in self.world.session.run(statement, id=definition)]

    def only(self, definition: int) -> UUID:
        """The only run of a definition."""
        statement = Statement("SELECT id FROM scheduler_job_run WHERE definition_id = %(id)s")
        ((found,),) = self.world.session.run(statement, id=definition)
        return found if isinstance(found, UUID) else UUID(found)

    def _workers(self) -> list[WorkerView]:
        facts = facts_of("w-1", capabilities=("executor:management_command",), capacity=100)
        live = (LeaseState.LIVE, DesiredMode.ACTIVE)
        return [WorkerView(facts, *live, False, T0, 0.0, 0)]


def slot_key_of(instant: datetime) -> str:
    return f"t:{instant.isoformat().replace('+00:00', 'Z')}"
