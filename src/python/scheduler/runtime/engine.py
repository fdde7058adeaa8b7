"""A leader's duties, in the order of one tick: survey, plan, link, assign, reap.

All its writes go through one connection on one thread and carry the term's fence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from scheduler.domain import elections, replaying
from scheduler.domain.values import ClusterView, WorkerView
from scheduler.ports import ClusterStore, LeaderStore, LeaseStore
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.attempts import Attempts
from scheduler.runtime.courier import Courier
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.linker import Linker
from scheduler.runtime.member import Term
from scheduler.runtime.pinger import Pinger
from scheduler.runtime.planner import Planner
from scheduler.runtime.reaper import Reaper

log = structlog.get_logger(__name__)

SURVEY_SECONDS = 1.0
HOLD_SECONDS = 0.2


@dataclass
class Engine:
    """``changed`` is told of each term that begins, and None when it ends.

    After a fail-over of the RDB nothing is planned, assigned, retried or orphaned until each live
    worker has replayed what the fail-over lost.
    """

    cluster: ClusterStore
    leases: LeaseStore
    store: LeaderStore
    planner: Planner
    linker: Linker
    assigner: Assigner
    reaper: Reaper
    pinger: Pinger
    dispatcher: Dispatcher
    courier: Courier
    changed: Callable[[Term | None], None]
    _workers: list[WorkerView] = field(default_factory=list)
    _survey_at: float = 0.0
    _paused_until: float = 0.0
    _awaited: tuple[str, ...] | None = None
    _tell_at: float = 0.0

    def establish(self, term: Term, gone: str | None) -> None:
        self.pinger.establish(term, gone)
        self.dispatcher.establish(term)
        self.planner.establish()
        self.assigner.parked.told()
        self.reaper.establish()
        self._survey_at, self._paused_until, self._awaited = 0.0, 0.0, None
        self.changed(term)

    def revoke(self) -> None:
        self.changed(None)
        self.dispatcher.revoke()
        self.pinger.revoke()

    def tick(self, term: Term, view: ClusterView, now: float) -> float:
        """Returns when the next tick is due (sooner when the bell rings)."""
        if now < min(self._paused_until, self._survey_at):
            return min(self._paused_until, self._survey_at)
        for guarded in (self.leases, self.store):
            guarded.expect_timeline(view.timeline)
        if now >= self._survey_at:
            self._survey(term, view, now)
        self.reaper.take_back_refused(term)
        if self._holds(term, view, now):
            self._tell(term, now)
            self.reaper.tick(term, now, self._workers, sweep=False)
            return now + HOLD_SECONDS
        wake_at = self._plan_assign_reap(term, view, now)
        pause = self.assigner.pause_seconds
        self._paused_until = now + pause if pause else 0.0
        return wake_at

    def _plan_assign_reap(self, term: Term, view: ClusterView, now: float) -> float:
        """Each of them has its turn, also where one before it failed."""
        agenda, workers, attempts = self.store.agenda(), self._workers, Attempts()
        planned = attempts.make(lambda: self.planner.tick(term, agenda), SURVEY_SECONDS)
        if agenda.upstream_ends:
            planned = min(planned, attempts.make(lambda: self._link(term), SURVEY_SECONDS))
        if agenda.cancels:
            attempts.make(lambda: self.assigner.cancel(term), None)
        assigned = attempts.make(
            lambda: self.assigner.tick(term, workers, paused=view.paused), SURVEY_SECONDS
        )
        later = now + SURVEY_SECONDS
        reaped = attempts.make(lambda: self.reaper.tick(term, now, workers, sweep=True), later)
        attempts.settle()
        return min(self._survey_at, now + planned, now + assigned, reaped)

    def _link(self, term: Term) -> float:
        linked = self.linker.tick(term)
        self.assigner.parked.told()
        return linked

    def _holds(self, term: Term, view: ClusterView, now: float) -> bool:
        """Whether the RDB failed over and has not been told everything again."""
        awaited = tuple(replaying.awaited(self._workers, view.timeline))
        held = awaited if awaited or now < term.quiet_until else None
        if held != self._awaited:
            self._awaited = held
            event = "replay_complete" if held is None else "replay_awaited"
            log.warning(event, workers=list(held or ()), timeline=view.timeline, epoch=term.epoch)
        if held is not None:
            self._survey_at = min(self._survey_at, now + HOLD_SECONDS)
        return held is not None

    def _tell(self, term: Term, now: float) -> None:
        """Runs that wait say why; that may be much to read."""
        if now >= self._tell_at:
            self._tell_at = now + SURVEY_SECONDS
            self.assigner.hold(term, self._awaited or ())

    def survey_now(self) -> None:
        """A worker came or changed: look before the second is over."""
        self._survey_at = 0.0

    def _survey(self, term: Term, view: ClusterView, now: float) -> None:
        self._survey_at = now + SURVEY_SECONDS
        self._workers = self.leases.live()
        self.courier.carry(term, view.config_revision, self._workers)
        silent = replaying.given_up(self._workers, view.timeline)
        self.pinger.watch(
            {
                w.facts.worker_id: w.facts.grpc_address
                for w in self._workers
                if w.facts.worker_id not in silent
            }
        )
        standing = [w for w in self._workers if not self.pinger.refuses(w.facts.worker_id)]
        successor = elections.subleader_of(standing, term.command.leader_worker_id)
        if successor != view.subleader_worker_id:
            self.cluster.name_subleader(term.fence, successor)
            log.info("subleader_named", worker_id=successor, epoch=term.epoch)
