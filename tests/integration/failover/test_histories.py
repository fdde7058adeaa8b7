"""Random histories with a fail-over in them: the real statements, a database that forgets.

A few workers plan, claim, finish and retry; at some moment the database is what it was a while
ago. Each worker replays its journal, at any moment of the leader's going on. Then: every slot was
begun once and has the outcome that its worker saw.
"""

import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest

from scheduler.domain.values import Claim, RunState, StartOrder
from scheduler.ports import CursorMove
from scheduler.store.connections import database_from_url
from scheduler.store.statements import Statement
from scheduler.testing.journal import MemoryJournal
from tests.conftest import TestDatabase
from tests.contract.store.world import T0, World, as_time, new_run, result

WORKERS = ("w-1", "w-2", "w-3")
STEPS = 60
SLOTS = 12
HISTORIES = 25

ASSIGNED = Statement("""
    SELECT r.id, r.worker_id FROM scheduler_job_run AS r WHERE r.state = 'ASSIGNED' ORDER BY r.id
""")
Slot = tuple[str, int]


class History:
    """One cluster over one file, and what its workers really did."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path, self.random = path, Random(seed)
        self.copy = path.with_suffix(".copy")
        self.journals = {name: MemoryJournal() for name in WORKERS}
        self.begun: dict[Slot, list[UUID]] = defaultdict(list)
        self.outcomes: dict[UUID, RunState] = {}
        self.running: dict[UUID, tuple[str, UUID, StartOrder]] = {}
        self.open()
        for name in WORKERS:
            self.world.worker(name)
        self.definition = self.world.define()

    def open(self) -> None:
        self.world = World(database_from_url(f"sqlite:///{self.path}", worker_id="w-1"))
        self.world.elect("w-1")

    # ------------------------------------------------------------------- what happens

    def plan(self) -> None:
        cursor = as_time(self.world.value("SELECT planned_until FROM scheduler_job_definition"))
        index = round((cursor - T0).total_seconds())
        if index < SLOTS:
            until = cursor + timedelta(seconds=1)
            run = new_run(self.definition, index)
            move = CursorMove(self.definition, 1, cursor, until, None, (run,))
            self.world.leader.record_plan(self.world.fence, [move])

    def ask(self) -> None:
        self.world.request(self.definition, args='["--now"]')

    def take_requests(self) -> None:
        rows = self.world.leader.unhandled_requests(10)
        runs = [(r.request_id, new_run(self.definition, slot_key=r.slot_key)) for r in rows]
        self.world.leader.record_requests(self.world.fence, runs)

    def retry(self) -> None:
        self.world.leader.spawn_retries(self.world.fence, 100)

    def assign(self) -> None:
        waiting = [run for run, state in self.world.states().items() if state is RunState.PENDING]
        if waiting:
            self.world.assign(waiting, self.random.choice(WORKERS))

    def claim(self) -> None:
        for run, worker_id in self.world.session.run(ASSIGNED):
            if self.random.random() < 0.6:
                self._claim(UUID(run), worker_id)

    def _claim(self, run: UUID, worker_id: str) -> None:
        (order,) = self.world.workers.orders(worker_id, [run])
        token = uuid4()
        claims = [(run, order.assign_seq, token)]
        assert self.world.workers.claim(worker_id, claims, hold_seq=0) == [run]
        self.journals[worker_id].claimed([_claim_of(order, worker_id, token)])
        self.begun[order.slot_key, order.attempt].append(run)
        self.running[run] = (worker_id, token, order)

    def finish(self) -> None:
        for run, (worker_id, token, order) in list(self.running.items()):
            if self.random.random() < 0.6:
                fails = order.attempt == 1 and self.random.random() < 0.4
                state = RunState.FAILED if fails else RunState.SUCCEEDED
                end = result(run, token, state, retry_delay_seconds=0.0 if fails else None)
                assert self.world.workers.finish(worker_id, [end]) == [run]
                self.journals[worker_id].finished([end], 0.0)
                self.outcomes[run] = state
                del self.running[run]

    # ------------------------------------------------------------------- the fail-over

    def remember(self) -> None:
        with (
            closing(sqlite3.connect(self.path)) as now,
            closing(sqlite3.connect(self.copy)) as then,
        ):
            now.backup(then)

    def fail_over(self) -> None:
        self.world.close()
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copy(self.copy, self.path)
        self.open()

    def replay(self, worker_id: str) -> None:
        journal = self.journals[worker_id]
        self.world.workers.replay_claims([(claim, 1.0) for claim in journal.claims(0.0)])
        self.world.workers.finish(worker_id, journal.results(0.0))


def _claim_of(order: StartOrder, worker_id: str, token: UUID) -> Claim:
    return Claim(
        run_id=order.run_id,
        definition_id=order.definition_id,
        slot_key=order.slot_key,
        attempt=order.attempt,
        orphan_count=order.orphan_count,
        scheduled_for=order.scheduled_for,
        assign_seq=order.assign_seq,
        claim_token=token,
        worker_id=worker_id,
        args=order.args,
        at=0.0,
    )


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_each_slot_is_begun_once_and_keeps_its_outcome(sqlite: TestDatabase, seed: int):
    history = History(Path(sqlite.dsn.removeprefix("sqlite:///")), seed)
    live(history, forget_from=history.random.randrange(STEPS - 10))
    history.fail_over()
    leader_steps = [history.plan, history.take_requests, history.retry]
    replays = [lambda name=name: history.replay(name) for name in (*WORKERS, *WORKERS)]
    steps = [*replays, *(history.random.choice(leader_steps) for _ in range(20))]
    history.random.shuffle(steps)
    for step in steps:
        step()
    assert_running_as_before(history)
    for _ in range(60):
        go_on(history)
    assert_each_slot_has_one_outcome(history)
    history.world.close()


def live(history: History, forget_from: int) -> None:
    """Some life; what is committed from that step on will be lost."""
    happenings = [
        history.plan,
        history.plan,
        history.ask,
        history.take_requests,
        history.retry,
        history.assign,
        history.claim,
        history.finish,
    ]
    for number in range(STEPS):
        if number == forget_from:
            history.remember()
        history.random.choice(happenings)()


def go_on(history: History) -> None:
    for happening in (
        history.plan,
        history.take_requests,
        history.retry,
        history.assign,
        history.claim,
        history.finish,
    ):
        happening()


def assert_running_as_before(history: History) -> None:
    states = history.world.states()
    for run in history.running:
        assert states[run] is RunState.RUNNING
    for run, outcome in history.outcomes.items():
        assert states[run] is outcome


def assert_each_slot_has_one_outcome(history: History) -> None:
    states = history.world.states()
    assert not history.running
    assert all(len(runs) == 1 for runs in history.begun.values())
    assert states == history.outcomes
    first_attempts = [slot for slot, attempt in history.begun if attempt == 1]
    assert sum(slot.startswith("t:") for slot in first_attempts) == SLOTS
