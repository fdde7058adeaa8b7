"""The leader's judgement of workers: suspect, lost, and what becomes of their runs.

The leader orphans nothing on a hunch. It asks ``domain.liveness`` with three ages, and the RDB
checks the decisive one once more inside the statement (``mark_lost``). From then on the lease
row is LOST and the worker cannot claim, renew or come back under that id.
"""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import structlog

from scheduler.domain import liveness, retries
from scheduler.domain.errors import PeerUnreachable, StaleEpoch
from scheduler.domain.values import Reason, RunState, WorkerView
from scheduler.ports import ActiveRow, Clock, LeaderStore, LeaseStore, WorkerLink
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.fanout import Fanout
from scheduler.runtime.member import Term
from scheduler.runtime.pinger import Pinger

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0


class Reaper:
    """One round a second: suspects, losses, orphans, cancels, assignments that hang."""

    def __init__(
        self,
        store: LeaderStore,
        leases: LeaseStore,
        pinger: Pinger,
        dispatcher: Dispatcher,
        link: WorkerLink,
        fanout: Fanout,
        clock: Clock,
        config: Callable[[], RuntimeConfig],
    ) -> None:
        self._store, self._leases, self._pinger = store, leases, pinger
        self._dispatcher, self._link, self._fanout = dispatcher, link, fanout
        self._clock, self._config = clock, config
        self._due_at = 0.0

    def establish(self) -> None:
        self._due_at = 0.0

    def tick(self, term: Term, now: float, workers: Sequence[WorkerView], *, sweep: bool) -> float:
        """Returns when the next round is due. Without ``sweep`` no run is orphaned. Raises
        StaleEpoch, DatabaseUnavailable."""
        if now < self._due_at:
            return self._due_at
        self._due_at = now + ROUND_SECONDS
        self._judge(term, now, workers)
        self._take_back_from_lost(term)
        if sweep:
            self._orphan(term)
        self._take_back_hanging(term, workers)
        return self._due_at

    def _judge(self, term: Term, now: float, workers: Sequence[WorkerView]) -> None:
        ages = {
            worker.facts.worker_id: now - at
            for worker in workers
            if (at := self._pinger.replied_at(worker.facts.worker_id)) is not None
        }
        term_age = now - term.began_at
        self._suspect(term, workers, ages, term_age)
        lost = liveness.lost_workers(
            workers, term_age=term_age, trust=term.inherited_trust, reply_ages=ages
        )
        for worker_id in self._leases.mark_lost(term.fence, lost) if lost else ():
            log.error("worker_lost", worker_id=worker_id, epoch=term.epoch)

    def _suspect(
        self,
        term: Term,
        workers: Sequence[WorkerView],
        ages: Mapping[str, float],
        term_age: float,
    ) -> None:
        changes = liveness.suspect_changes(
            workers,
            term_age=term_age,
            reply_ages=ages,
            confirm_after_seconds=self._config().continuation_confirm_seconds,
        )
        for ids, suspect in ((changes.suspect, True), (changes.cleared, False)):
            if ids:
                self._leases.mark_suspect(term.fence, ids, suspect=suspect)
        for worker in workers:
            if worker.facts.worker_id in changes.suspect:
                self._confirm_continuation(term, worker)
            elif worker.facts.worker_id in changes.cleared:
                log.info("worker_confirmed", worker_id=worker.facts.worker_id)

    def _confirm_continuation(self, term: Term, worker: WorkerView) -> None:
        worker_id, address = worker.facts.worker_id, worker.facts.grpc_address
        log.warning("worker_suspect", worker_id=worker_id, epoch=term.epoch)

        def ask() -> None:
            try:
                running = self._link.confirm_continuation(address, term.command, ())
                log.info("continuation_confirmed", worker_id=worker_id, runs=len(running))
            except (PeerUnreachable, StaleEpoch) as error:
                log.warning("continuation_unconfirmed", worker_id=worker_id, reason=str(error))

        self._fanout.spawn(ask)

    def _take_back_from_lost(self, term: Term) -> None:
        for run_id in self._store.unassign_lost(term.fence):
            log.warning("run_unassigned", run_id=str(run_id), reason="worker lost or gone")

    def _orphan(self, term: Term) -> None:
        rows = []
        for run_id, orphan_count, order in self._store.orphan_candidates(self._config().batch_size):
            verdict = retries.after_orphan(order.retry, orphan_count + 1)
            rows.append((run_id, verdict.retry_delay_seconds, verdict.quarantine))
        for run_id in self._store.orphan(term.fence, rows) if rows else ():
            log.error("run_orphaned", run_id=str(run_id), epoch=term.epoch)

    def _overdue_seconds(self, row: ActiveRow) -> float:
        """How long an assignment could have been claimed and was not."""
        due_for = (self._clock.now() - row.due_at).total_seconds()
        return min(due_for, row.assigned_age_seconds)

    def take_back_refused(self, term: Term) -> None:
        """Assignments whose worker said no, or was not there to say anything: at once."""
        refused = self._dispatcher.take_refused()
        self._take_back(term, [(run, seq) for run, seq, _ in refused])

    def _take_back_hanging(self, term: Term, workers: Sequence[WorkerView]) -> None:
        """Assignments that nobody claimed for too long, or whose worker is not there."""
        rows = self._store.active()
        limit = self._config().reassign_assigned_after_seconds
        hanging = [
            (row.run_id, row.assign_seq)
            for row in rows
            if row.state is RunState.ASSIGNED
            and (self._overdue_seconds(row) > limit or self._pinger.refused(row.worker_id))
        ]
        self._take_back(term, hanging)
        self._cancel(term, rows, {w.facts.worker_id: w.facts.grpc_address for w in workers})

    def _take_back(self, term: Term, runs: Sequence[tuple[UUID, int]]) -> None:
        for run_id in self._store.unassign(term.fence, runs, Reason.REASSIGNED) if runs else ():
            log.warning("run_unassigned", run_id=str(run_id), epoch=term.epoch)

    def _cancel(self, term: Term, rows: Sequence[ActiveRow], addresses: dict[str, str]) -> None:
        by_worker: dict[str, list[UUID]] = {}
        for row in rows:
            if row.cancel_requested and row.state is RunState.RUNNING:
                by_worker.setdefault(row.worker_id, []).append(row.run_id)
        for worker_id, runs in by_worker.items():
            if worker_id in addresses:
                self._dispatcher.cancel(worker_id, addresses[worker_id], runs)
