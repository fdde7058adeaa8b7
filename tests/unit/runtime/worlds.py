"""Small fakes for one worker's parts: each records, and fails when told to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event
from typing import Any, cast
from uuid import UUID, uuid4

from scheduler.domain.errors import DatabaseUnavailable, TimelineChanged
from scheduler.domain.values import (
    Claim,
    DesiredMode,
    LaunchSpec,
    LeaseAnswer,
    ProcessEvent,
    RunResult,
    RunState,
    StartOrder,
    WorkerFacts,
)
from scheduler.ports import MyRow
from scheduler.runtime.agent import Agent
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.lease import LeaseKeeper
from scheduler.runtime.member import Member
from scheduler.runtime.starter import Preparation, Prepared
from scheduler.testing.journal import MemoryJournal

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FakeClock:
    """Boottime that moves when told; cluster time follows it from NOON."""

    def __init__(self) -> None:
        self.at = 1000.0

    def boottime(self) -> float:
        return self.at

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.at - 1000.0)

    def observe(self, db_now: datetime, asked_at: float, answered_at: float) -> None:
        """Time is right already."""


class FakeHost:
    """Keeps what was asked; ``end`` makes the event that a process's end would."""

    def __init__(self) -> None:
        self.launched: list[LaunchSpec] = []
        self.canceled: list[UUID] = []
        self.deadlines: list[float] = []
        self.alive: set[UUID] = set()
        self.warmed: list[str] = []

    def warm(self, commands: Sequence[str]) -> None:
        self.warmed.extend(commands)

    def launch(self, specs: Sequence[LaunchSpec]) -> None:
        self.launched.extend(specs)
        self.alive.update(spec.run_id for spec in specs)

    def cancel(self, runs: Sequence[UUID]) -> None:
        self.canceled.extend(runs)

    def set_deadline(self, boottime: float) -> None:
        self.deadlines.append(boottime)

    def events(self, timeout_seconds: float) -> list[ProcessEvent]:
        return []

    def running(self) -> frozenset[UUID]:
        return frozenset(self.alive)

    def stop(self, grace_seconds: float) -> None:
        self.alive.clear()


class FakeSpool:
    def __init__(self) -> None:
        self.kept: list[RunResult] = []

    def append(self, results: Sequence[RunResult]) -> None:
        self.kept.extend(results)

    def pending(self) -> list[RunResult]:
        return list(self.kept)

    def acknowledge(self, claim_tokens: Sequence[UUID]) -> None:
        self.kept = [result for result in self.kept if result.claim_token not in claim_tokens]


class FakeWorkerStore:
    """Claims what is in ``claimable``; ``away`` makes every call fail; ``lose_answer`` makes the
    next claim happen and its answer get lost."""

    def __init__(self) -> None:
        self.claimable: dict[UUID, int] = {}
        self.tokens: dict[UUID, UUID] = {}
        self.finished: list[RunResult] = []
        self.given_back: list[UUID] = []
        self.rows: list[MyRow] | None = None
        """What the RDB says is mine; None: what was claimed."""
        self.orders_in_rdb: list[StartOrder] = []
        self.away = False
        self.lose_answer = False
        self.timeline = self.expected = 1
        self.replayed: list[Claim] = []
        self.told: list[tuple[str, int]] = []
        self.others_replaying: list[str] = []
        self.events_in_rdb: dict[UUID, str] = {}
        self.asked_events: list[list[UUID]] = []

    def expect_timeline(self, timeline: int) -> None:
        self.expected = timeline

    def replay_claims(self, claims: Sequence[tuple[Claim, float]]) -> list[UUID]:
        self._answer()
        self.replayed.extend(claim for claim, _ in claims)
        for claim, _ in claims:
            self.tokens[claim.run_id] = claim.claim_token
        return [claim.run_id for claim, _ in claims]

    def set_replayed(self, worker_id: str, timeline: int) -> None:
        self._answer()
        self.told.append((worker_id, timeline))

    def replaying(self, timeline: int) -> list[str]:
        self._answer()
        return self.others_replaying

    def orders(self, worker_id: str, runs: Sequence[UUID]) -> list[StartOrder]:
        return [order for order in self.orders_in_rdb if order.run_id in runs]

    def claim(
        self, worker_id: str, claims: Sequence[tuple[UUID, int, UUID]], *, hold_seq: int
    ) -> list[UUID]:
        self._answer()
        won = []
        for run_id, assign_seq, token in claims:
            if self.claimable.get(run_id) == assign_seq:
                del self.claimable[run_id]
                self.tokens[run_id] = token
            if self.tokens.get(run_id) == token:
                won.append(run_id)
        if self.lose_answer:
            self.lose_answer = False
            raise DatabaseUnavailable("test", "the answer was lost")
        return won

    def events(self, event_ids: Sequence[UUID]) -> dict[UUID, str]:
        self._answer()
        self.asked_events.append(list(event_ids))
        return {
            event: self.events_in_rdb[event] for event in event_ids if event in self.events_in_rdb
        }

    def finish(self, worker_id: str, results: Sequence[RunResult]) -> list[UUID]:
        self._answer()
        self.finished.extend(results)
        return [result.run_id for result in results]

    def give_back(self, worker_id: str, runs: Sequence[tuple[UUID, int]]) -> list[UUID]:
        self._answer()
        self.given_back.extend(run_id for run_id, _ in runs)
        return [run_id for run_id, _ in runs]

    def mine(self, worker_id: str) -> list[MyRow]:
        self._answer()
        if self.rows is not None:
            return self.rows
        return [
            MyRow(run, RunState.RUNNING, 1, token, cancel_requested=False)
            for run, token in self.tokens.items()
        ]

    def _answer(self) -> None:
        if self.away:
            raise DatabaseUnavailable("test", "away")
        if self.timeline != self.expected:
            raise TimelineChanged("test", self.expected, self.timeline)


class FakeLeases:
    def __init__(self) -> None:
        self.registered: list[str] = []
        self.replayed_at_registration: list[int] = []
        self.left: list[str] = []
        self.timeline = 1
        self.away = False
        self.live = True
        self.desired = DesiredMode.ACTIVE
        self.config_revision = 0

    def register(self, facts: WorkerFacts, *, replayed_timeline: int = 0) -> LeaseAnswer:
        self._check()
        self.registered.append(facts.worker_id)
        self.replayed_at_registration.append(replayed_timeline)
        return self._answer()

    def renew(self, worker_id: str, *, open_runs: int) -> LeaseAnswer | None:
        self._check()
        return self._answer() if self.live else None

    def leave(self, worker_id: str) -> None:
        self.left.append(worker_id)

    def _check(self) -> None:
        if self.away:
            raise DatabaseUnavailable("test", "away")

    def _answer(self) -> LeaseAnswer:
        return LeaseAnswer(1, self.desired, 0, self.config_revision, NOON, self.timeline)


class SilentBell:
    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, topic: str) -> bool:
        self.rung.append(topic)
        return True


class Inline:
    """Runs everything at once; ``held`` keeps spawned calls until released."""

    def __init__(self) -> None:
        self.hold = False
        self.held: list[Callable[[], None]] = []

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        for call in calls:
            call()

    def spawn(self, call: Callable[[], None]) -> None:
        if self.hold:
            self.held.append(call)
        else:
            call()


def facts(worker_id: str = "w-1", *, capacity: int = 2) -> WorkerFacts:
    return WorkerFacts(
        worker_id=worker_id,
        node_id="node-1",
        hostname="host",
        pid=1,
        grpc_address="127.0.0.1:50051",
        queues=("default",),
        labels={},
        capacity=capacity,
        lease_seconds=30.0,
        margin_seconds=13.0,
        protocol_version=1,
        capabilities=("executor:management_command",),
        software_version="0",
    )


def order(assign_seq: int = 1, *, start_in: float = 0.0, run_id: UUID | None = None) -> StartOrder:
    return StartOrder(
        run_id=run_id or uuid4(),
        assign_seq=assign_seq,
        start_in_seconds=start_in,
        definition_id=1,
        job_name="job",
        attempt=1,
        orphan_count=0,
        slot_key="t:2026-11-23T12:00:00Z",
        scheduled_for=NOON,
        executor="management_command",
        command="noop",
    )


class OneWorker:
    """A member with its agent and lease keeper, joined, on a fake clock."""

    def __init__(self, *, capacity: int = 2) -> None:
        self.clock, self.host, self.spool = FakeClock(), FakeHost(), FakeSpool()
        self.store, self.leases, self.bell = FakeWorkerStore(), FakeLeases(), SilentBell()
        self.journal = MemoryJournal()
        self.begun: list[set[UUID]] = []
        self.prepared: list[UUID] = []
        names = iter(f"w-{number}" for number in range(2, 100))
        self.member = Member(facts(capacity=capacity), lambda: next(names))
        self.config = RuntimeConfig()
        self.agent = Agent(
            self.member,
            self.store,
            self.host,
            self.spool,
            self.journal,
            lambda: self.config,
            self._prepare,
            uuid4,
            Random(1),
            Event(),
            lambda: self.bell.ring("leader"),
        )
        self.member.on_fail_over = self.agent.check_now
        self.lease = LeaseKeeper(
            self.member,
            cast("Any", self.leases),
            self.host,
            self.clock,
            cast("Any", self.bell),
            lambda: self.config,
            self.agent.abandon,
        )
        self.lease.tick(self.clock.at)

    def offer(self, *orders: StartOrder) -> list[tuple[UUID, str]]:
        """Orders whose rows say ASSIGNED, offered to the agent."""
        for each in orders:
            self.store.claimable[each.run_id] = each.assign_seq
        return self.agent.offer(orders, self.clock.at)

    def tick(self, seconds: float = 0.0) -> float:
        self.clock.at += seconds
        return self.agent.tick(self.clock.at)

    def running_row(self, run_id: UUID, token: UUID) -> MyRow:
        return MyRow(run_id, RunState.RUNNING, 1, token, cancel_requested=False)

    def _prepare(self, given: Sequence[StartOrder], worker_id: str) -> Preparation:
        """Notes which runs were claimed when it began, and which it was asked for."""
        self.begun.append(set(self.store.tokens))

        def prepared(claimed: Sequence[StartOrder]) -> dict[UUID, Prepared]:
            self.prepared.extend(one.run_id for one in claimed)
            return {
                one.run_id: LaunchSpec(one.run_id, ("noop",), {}, f"/logs/{one.run_id}.log")
                for one in claimed
            }

        return prepared


def again(given: StartOrder, assign_seq: int) -> StartOrder:
    return replace(given, assign_seq=assign_seq)
