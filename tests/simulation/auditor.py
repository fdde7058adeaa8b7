"""Watches every step of a simulated world and says which promise was broken, at once.

The RDB tells it of each changed row while the statement runs (triggers), the machines tell it of
each process that starts and of each that is gone. It trusts nothing that the runtime says.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from scheduler.domain import transitions
from scheduler.domain.values import FINISHED_STATES, LeaseState, RunState
from scheduler.store.sessions import Row

if TYPE_CHECKING:
    from tests.simulation.node import Process
    from tests.simulation.world import World

TRIGGERS = """
CREATE TEMP TRIGGER audit_run_new AFTER INSERT ON scheduler_job_run BEGIN
    SELECT audit('run', NEW.id, NULL, NEW.state, NEW.worker_id, NULL, 0);
END;
CREATE TEMP TRIGGER audit_run AFTER UPDATE ON scheduler_job_run
WHEN OLD.state <> NEW.state BEGIN
    SELECT audit('run', NEW.id, OLD.state, NEW.state, NEW.worker_id,
        (SELECT l.state FROM scheduler_worker_lease AS l WHERE l.worker_id = NEW.worker_id),
        NEW.retry_due_at IS NOT NULL);
END;
CREATE TEMP TRIGGER audit_run_gone AFTER DELETE ON scheduler_job_run BEGIN
    SELECT audit('run', OLD.id, OLD.state, NULL, OLD.worker_id, NULL, 0);
END;
CREATE TEMP TRIGGER audit_outcome AFTER UPDATE ON scheduler_job_run
WHEN OLD.finished_at IS NOT NULL AND (OLD.exit_code IS NOT NEW.exit_code
    OR OLD.claim_token IS NOT NEW.claim_token OR OLD.finished_at IS NOT NEW.finished_at) BEGIN
    SELECT audit('outcome', NEW.id, OLD.state, NEW.state, NULL, NULL, 0);
END;
CREATE TEMP TRIGGER audit_term AFTER UPDATE ON scheduler_cluster
WHEN OLD.epoch <> NEW.epoch OR OLD.term_id IS NOT NEW.term_id
    OR OLD.leader_worker_id IS NOT NEW.leader_worker_id BEGIN
    SELECT audit('term', NEW.term_id, OLD.epoch, NEW.epoch, NEW.leader_worker_id,
        NULL, 0);
END;
CREATE TEMP TRIGGER audit_lease AFTER UPDATE ON scheduler_worker_lease
WHEN OLD.state <> NEW.state BEGIN
    SELECT audit('lease', NEW.worker_id, OLD.state, NEW.state, NULL, NULL, 0);
END;
"""


def brief(run_id: UUID) -> str:
    """Enough of a run's id to follow it through a story."""
    return f"r-{run_id.hex[-8:]}"


ASSIGNED_AT_MOST = 20
"""Times that one run may be assigned, whatever befalls: more is a leader that does not listen."""


TICKS_A_SECOND_AT_MOST = 60
"""Of one loop, with as little work as these worlds have: more is a loop that waits for nothing."""


class PromiseBroken(BaseException):
    """One of the promises does not hold; the message is the whole finding. No ``Exception``: the
    code under test is to survive those."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A process of a run that exists on some machine."""

    run_id: UUID
    slot: tuple[int, str]
    machine: str
    since: float


class Auditor:
    """``check_live_processes`` and the rest raise PromiseBroken at the step that breaks it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._news: list[tuple[Any, ...]] = []
        self.alive: dict[UUID, Alive] = {}
        self.started: set[UUID] = set()
        self.terms: dict[int, str] = {}
        self.promised_retries: set[UUID] = set()
        self.assigned: Counter[UUID] = Counter()
        self.changes = 0
        connection = world.database.connection
        connection.create_function("audit", 7, self._note)
        connection.executescript(TRIGGERS)

    # -------------------------------------------------------------------------- statements

    def _note(self, *news: Any) -> None:
        self._news.append(news)

    def watching(
        self, process: "Process", purpose: str, epoch: int | None, act: Callable[[], list[Row]]
    ) -> list[Row]:
        """Carry out one statement and judge what it changed."""
        connection = self._world.database.connection
        self._news, before = [], connection.total_changes
        rows = act()
        news, self._news = self._news, []
        if epoch is not None and connection.total_changes != before:
            self._check_fence(process, epoch)
        for one in news:
            self._judge(process, purpose, epoch, one)
        return rows

    def forget_news(self) -> None:
        """What an operator does is judged by nobody."""
        self._news = []

    def _check_fence(self, process: "Process", epoch: int) -> None:
        current = self._world.current_epoch()
        if epoch != current:
            self._broken(f"{process.name} wrote as leader of epoch {epoch}; it is {current} now")

    def _judge(
        self, process: "Process", purpose: str, epoch: int | None, news: tuple[Any, ...]
    ) -> None:
        kind, key, old, new, worker_id, lease, retry = news
        self.changes += 1
        if kind == "term":
            self._judge_term(int(old), int(new), worker_id)
        elif kind == "lease":
            if old != LeaseState.LIVE:
                self._broken(f"the lease of {key} went from {old} to {new}")
            self._world.trace("lease", worker=key, state=new)
        elif kind == "outcome":
            self._broken(f"the outcome of run {key[-8:]} was changed after it had finished ({old})")
        else:
            self._judge_run(process, UUID(key), old, new, worker_id, lease)
            if retry:
                self.promised_retries.add(UUID(key))
            if purpose == "leader" and epoch is None:
                self._broken(f"{process.name} changed run {key[-8:]} as leader without a fence")

    def _judge_term(self, old: int, new: int, leader: str) -> None:
        if new <= old:
            self._broken(f"the epoch went from {old} to {new}")
        if new in self.terms:
            self._broken(f"epoch {new} was given to {self.terms[new]} and to {leader}")
        self.terms[new] = leader
        self._world.trace("term", epoch=new, leader=leader)

    def _judge_run(
        self,
        process: "Process",
        run_id: UUID,
        old: str | None,
        new: str | None,
        worker_id: str | None,
        lease: str | None,
    ) -> None:
        self._world.trace(
            "run", run=brief(run_id), old=old, new=new, worker=worker_id, by=process.name
        )
        if old is None:
            return
        if new is None:
            if old not in (RunState.PENDING, RunState.ASSIGNED):
                self._broken(f"run {brief(run_id)} was deleted in state {old}")
            return
        if RunState(new) not in transitions.ALLOWED[RunState(old)]:
            self._broken(f"run {brief(run_id)} went from {old} to {new}")
        if new == RunState.ASSIGNED:
            self.assigned[run_id] += 1
            if self.assigned[run_id] > ASSIGNED_AT_MOST:
                self._broken(f"run {brief(run_id)} was assigned more than {ASSIGNED_AT_MOST} times")
        if RunState(new) in FINISHED_STATES and run_id in self.alive:
            alive = self.alive[run_id]
            self._broken(
                f"run {brief(run_id)} became {new} by {process.name} while its process was alive "
                f"on {alive.machine} since {alive.since:.3f}"
            )
        if new == RunState.RUNNING and lease != LeaseState.LIVE:
            self._broken(f"run {brief(run_id)} was claimed by {worker_id}, whose lease is {lease}")

    # --------------------------------------------------------------------------- processes

    @property
    def processes(self) -> int:
        """How many runs have had a process."""
        return len(self.started)

    def process_started(self, run_id: UUID, machine: str) -> None:
        order = self._world.orders[run_id]
        slot = (order.definition_id, order.slot_key)
        self.started.add(run_id)
        self._world.trace("process started", run=brief(run_id), machine=machine)
        for other in self.alive.values():
            if other.slot == slot:
                self._broken(
                    f"slot {slot} has two live processes: run {brief(other.run_id)} on "
                    f"{other.machine} since {other.since:.3f} and run {brief(run_id)} on {machine}"
                )
            if other.slot[0] == slot[0] and self._world.is_exclusive(slot[0]):
                self._broken(
                    f"job {slot[0]} may run once at a time, but run {brief(other.run_id)} on "
                    f"{other.machine} and run {brief(run_id)} on {machine} are both alive"
                )
        self.alive[run_id] = Alive(run_id, slot, machine, self._world.timeline.now)

    def process_ended(self, run_id: UUID) -> None:
        self.alive.pop(run_id, None)
        self._world.trace("process gone", run=brief(run_id))

    # --------------------------------------------------------------------------- the rest

    def ticked(self, process: str, loop: str, times: int) -> None:
        """``times`` within this second."""
        if times > TICKS_A_SECOND_AT_MOST:
            self._broken(f"the {loop} loop of {process} ticked {times} times in one second")

    def tick_failed(self, process: str, loop: str, error: Exception) -> None:
        """A tick handles its own errors; one that escapes is a defect, though loops go on."""
        if isinstance(error, PromiseBroken):
            raise error
        raise PromiseBroken(
            f"at {self._world.timeline.now:.3f}: the {loop} tick of {process} failed: {error!r}"
        ) from error

    def _broken(self, finding: str) -> None:
        raise PromiseBroken(f"at {self._world.timeline.now:.3f}: {finding}")
