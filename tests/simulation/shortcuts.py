"""Tempting shortcuts, one at a time: each must break a promise in some seed, or the auditor sleeps.

Each function puts one shortcut into the real runtime or store, for the time of a test.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pytest import MonkeyPatch

from scheduler.domain import liveness
from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import LaunchSpec
from scheduler.execution.running import RunTable
from scheduler.ports import Command, PingReply
from scheduler.runtime.agent import Agent
from scheduler.runtime.orders import Handled
from scheduler.runtime.pinger import Pinger
from scheduler.runtime.presence import PresenceKeeper
from scheduler.runtime.service import WorkerCommands
from scheduler.runtime.starter import Preparation, Starter
from scheduler.store import worker
from scheduler.store.statements import Statement
from tests.simulation.database import SimulatedSession

Shortcut = Callable[[MonkeyPatch], None]


def redis_answer_renews_the_lease(patch: MonkeyPatch) -> None:
    """A heartbeat that Redis took counts as a renewal."""
    beat = PresenceKeeper.tick

    def tick(self: PresenceKeeper, now: float) -> float:
        wake = beat(self, now)
        member = self._member
        if member.joined and not self._away:
            member.deadline = member.deadline.answered(now, member.facts.lease_seconds)
            self._agent._host.set_deadline(member.deadline.at)
        return wake

    patch.setattr(PresenceKeeper, "tick", tick)


def ping_counts_from_its_receipt(patch: MonkeyPatch) -> None:
    """Any ping of a current epoch extends the lease from when it arrives."""
    answer = WorkerCommands.ping

    def ping(self: WorkerCommands, command: Command, echo_nonce: int) -> PingReply:
        reply = answer(self, command, echo_nonce)
        member = self._member
        if member.joined:
            now = self._clock.boottime()
            member.deadline = member.deadline.answered(now, member.facts.lease_seconds)
            self._lease.push_deadline()
        return reply

    patch.setattr(WorkerCommands, "ping", ping)


def epoch_is_checked_before_the_write(patch: MonkeyPatch) -> None:
    """The fence is a question of its own instead of a part of the statement."""
    run = SimulatedSession.run
    question = Statement("SELECT c.epoch, c.leader_worker_id FROM scheduler_cluster AS c")

    def checked_first(
        self: SimulatedSession, statement: Statement, batches: Any = None, **values: Any
    ) -> Any:
        if "f" not in statement.steps:
            return run(self, statement, batches, **values)
        epoch, leader_id = run(self, question)[0]
        if epoch != values["epoch"]:
            raise StaleEpoch(values["epoch"], epoch, leader_id)
        steps = {**statement.steps, "f": "SELECT 1 AS ok"}
        return run(self, replace(statement, steps=steps), batches, **values)

    patch.setattr(SimulatedSession, "run", checked_first)


def young_term_may_orphan(patch: MonkeyPatch) -> None:
    """``term older than trust + L + M`` is skipped."""
    honest = liveness.may_orphan
    patch.setattr(
        liveness, "may_orphan", lambda **facts: honest(**{**facts, "term_age": float("inf")})
    )


def last_reply_is_not_asked(patch: MonkeyPatch) -> None:
    """A worker whose row is old is lost, although it has just answered the leader."""
    honest = liveness.may_orphan
    patch.setattr(
        liveness, "may_orphan", lambda **facts: honest(**{**facts, "last_reply_age": None})
    )


def claim_without_a_live_lease(patch: MonkeyPatch) -> None:
    """The claim does not join the worker's own LIVE lease."""
    steps = {**worker.CLAIM.steps, "me": "SELECT %(worker_id)s AS worker_id"}
    patch.setattr(worker, "CLAIM", replace(worker.CLAIM, steps=steps))


def host_trusts_its_worker(patch: MonkeyPatch) -> None:
    """The process host does not kill by itself at the deadline."""
    patch.setattr(RunTable, "_lease_end", lambda self: float("inf"))


def late_result_overwrites(patch: MonkeyPatch) -> None:
    """A finish asks for the token alone, not for RUNNING."""
    picked = worker.FINISH.steps["picked"].replace("r.state = 'RUNNING' AND", "")
    patch.setattr(
        worker, "FINISH", replace(worker.FINISH, steps={**worker.FINISH.steps, "picked": picked})
    )


def start_before_the_claim(patch: MonkeyPatch) -> None:
    """The process starts at the order, and the claim follows."""

    def start_due(self: Agent, now: float) -> None:
        due = self._orders.take_due(now, 500)
        worker_id = self._member.worker_id
        self._starter.start(due, worker_id, self._starter.begin(due, worker_id))
        for item in due:
            self._claimed[item.order.run_id] = item
        if due:
            claims = [(i.order.run_id, i.order.assign_seq, i.token) for i in due]
            self._store.claim(self._member.worker_id, claims, hold_seq=self._member.hold_seq)

    patch.setattr(Agent, "_start_due", start_due)


def rejoined_worker_starts_old_claims(patch: MonkeyPatch) -> None:
    """What was claimed under an ended lease starts under the next one."""

    def start(
        self: Starter, items: Sequence[Handled], worker_id: str, preparation: Preparation
    ) -> bool:
        prepared = preparation([item.order for item in items]).values()
        self._host.launch([one for one in prepared if isinstance(one, LaunchSpec)])
        return True

    patch.setattr(Starter, "start", start)


def refusals_are_not_heard(patch: MonkeyPatch) -> None:
    """A worker that says it takes no runs is handed the next one."""
    patch.setattr(Pinger, "refuses", lambda self, worker_id: "")
