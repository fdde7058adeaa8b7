"""A leader's duties, in the order of one tick: survey, plan, assign, reap.

All its writes go through one connection on one thread and carry the term's fence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from scheduler.domain import elections
from scheduler.domain.values import ClusterView, WorkerView
from scheduler.ports import ClusterStore, LeaseStore
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.courier import Courier
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.member import Term
from scheduler.runtime.pinger import Pinger
from scheduler.runtime.planner import Planner
from scheduler.runtime.reaper import Reaper

log = structlog.get_logger(__name__)

SURVEY_SECONDS = 1.0


@dataclass
class Engine:
    """``changed`` is told of each term that begins, and None when it ends."""

    cluster: ClusterStore
    leases: LeaseStore
    planner: Planner
    assigner: Assigner
    reaper: Reaper
    pinger: Pinger
    dispatcher: Dispatcher
    courier: Courier
    changed: Callable[[Term | None], None]
    _workers: list[WorkerView] = field(default_factory=list)
    _survey_at: float = 0.0

    def establish(self, term: Term, gone: str | None) -> None:
        self.pinger.establish(term, gone)
        self.dispatcher.establish(term)
        self.planner.establish()
        self.reaper.establish()
        self._survey_at = 0.0
        self.changed(term)

    def revoke(self) -> None:
        self.changed(None)
        self.dispatcher.revoke()
        self.pinger.revoke()

    def tick(self, term: Term, view: ClusterView, now: float) -> float:
        """Returns when the next tick is due (sooner when the bell rings)."""
        if now >= self._survey_at:
            self._survey(term, view, now)
        self.reaper.take_back_refused(term)
        planned = self.planner.tick(term)
        assigned = self.assigner.tick(term, self._workers, paused=view.paused)
        reaped = self.reaper.tick(term, now, self._workers)
        return min(self._survey_at, now + planned, now + assigned, reaped)

    def survey_now(self) -> None:
        """A worker came or changed: look before the second is over."""
        self._survey_at = 0.0

    def _survey(self, term: Term, view: ClusterView, now: float) -> None:
        self._survey_at = now + SURVEY_SECONDS
        self._workers = self.leases.live()
        self.courier.carry(term, view.config_revision, self._workers)
        self.pinger.watch({w.facts.worker_id: w.facts.grpc_address for w in self._workers})
        standing = [w for w in self._workers if not self.pinger.refused(w.facts.worker_id)]
        successor = elections.subleader_of(standing, term.command.leader_worker_id)
        if successor != view.subleader_worker_id:
            self.cluster.name_subleader(term.fence, successor)
            log.info("subleader_named", worker_id=successor, epoch=term.epoch)
