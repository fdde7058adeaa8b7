"""Carries out ``domain.assignment``: reads what waits, decides, writes, dispatches."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from scheduler.domain.assignment import AssignmentPolicies, Assignments, assign, worker_slots
from scheduler.domain.values import Reason, RunState, StartOrder, WorkerView
from scheduler.ports import ActiveRow, Clock, LeaderStore, WaitingRow
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)

IDLE_SECONDS = 60.0

MANY, SPARE_ROWS = 200, 32
LOOK_PAUSES, LONGEST_PAUSE_SECONDS = 4.0, 1.0
"""After a look at MANY waiting runs, so many times as long as it took pass before the next: looks
at all take at most a fifth of the leader's time. In between runs that need nothing but a place
get theirs."""


class Assigner:
    """PENDING -> ASSIGNED, SKIPPED, or a reason to wait; orders go to the dispatcher."""

    def __init__(
        self,
        store: LeaderStore,
        dispatcher: Dispatcher,
        clock: Clock,
        config: Callable[[], RuntimeConfig],
        refuses: Callable[[str], bool],
    ) -> None:
        """``refuses(worker_id)``: nobody listened at its address at the last ping."""
        self._store, self._dispatcher, self._refuses = store, dispatcher, refuses
        self._clock, self._config = clock, config
        self._look_at_all_at = 0.0

    def tick(self, term: Term, workers: Sequence[WorkerView], *, paused: bool) -> float:
        """Returns the seconds until a waiting run comes due. Raises StaleEpoch,
        DatabaseUnavailable."""
        began, now, agenda = self._clock.boottime(), self._clock.now(), self._store.agenda()
        if agenda.cancels:
            self._cancel_waiting(term)
        horizon = now + timedelta(seconds=self._config().assign_ahead_seconds)
        if agenda.next_due_at is None:
            return IDLE_SECONDS
        if agenda.next_due_at > horizon:
            return (agenda.next_due_at - horizon).total_seconds()
        active = self._store.active()
        rows = self._waiting(horizon, began, active, workers)
        answer = self._decide(term, rows, active, workers, now, paused=paused)
        self._write(term, rows, answer)
        self._dispatch(self._assign(term, answer.assigned), workers)
        if began >= self._look_at_all_at and len(rows) > MANY:
            ended = self._clock.boottime()
            self._look_at_all_at = ended + min(LOOK_PAUSES * (ended - began), LONGEST_PAUSE_SECONDS)
        placed = {run_id for run_id, _ in answer.assigned}
        later = [row.due_at for row in rows if row.due_at > now and row.run_id not in placed]
        due_in = (min(later) - now).total_seconds() if later else IDLE_SECONDS
        return min(due_in, max(0.0, self._look_at_all_at - self._clock.boottime()) or IDLE_SECONDS)

    def _cancel_waiting(self, term: Term) -> None:
        for run_id in self._store.cancel_waiting(term.fence):
            log.info("run_finished", run_id=str(run_id), state="CANCELED", epoch=term.epoch)

    def _waiting(
        self,
        horizon: datetime,
        now: float,
        active: Sequence[ActiveRow],
        workers: Sequence[WorkerView],
    ) -> list[WaitingRow]:
        """All that waits. Where that was much a moment ago, only as much as the free places take:
        each end of a run would else cost as much as all that waits."""
        if now >= self._look_at_all_at:
            return self._store.waiting(horizon, self._config().waiting_limit)
        places = sum(worker.facts.capacity for worker in workers)
        limit = SPARE_ROWS + 2 * max(0, places - len(active))
        return self._store.waiting(horizon, limit, for_a_place_only=True)

    def hold(self, term: Term, awaited: Sequence[str]) -> None:
        """Nothing is handed out: what waits says that the cluster awaits the replay of workers.
        Raises StaleEpoch, DatabaseUnavailable."""
        detail = f"the database failed over; awaiting {', '.join(awaited) or 'all workers'}"
        rows = self._store.waiting(self._clock.now(), self._config().waiting_limit)
        self._wait(term, rows, [(row.run_id, Reason.WAIT_REPLAY, detail) for row in rows])

    def _decide(
        self,
        term: Term,
        rows: Sequence[WaitingRow],
        active: Sequence[ActiveRow],
        workers: Sequence[WorkerView],
        now: datetime,
        *,
        paused: bool,
    ) -> Assignments:
        leader = term.command.leader_worker_id
        refusing = {w.facts.worker_id for w in workers if self._refuses(w.facts.worker_id)}
        # Runs handed out before they are due take no place of what is due now.
        begun = [row for row in active if row.state is RunState.RUNNING or row.due_at <= now]
        later = [row for row in active if row.state is RunState.ASSIGNED and row.due_at > now]
        return assign(
            rows,
            active,
            worker_slots(workers, begun, leader, refusing),
            now,
            AssignmentPolicies(self._config().skip_late_runs_after_seconds, paused),
            ahead=worker_slots(workers, later, leader, refusing),
        )

    def _write(self, term: Term, rows: Sequence[WaitingRow], answer: Assignments) -> None:
        if answer.skipped:
            for run_id in self._store.skip(term.fence, answer.skipped):
                log.info("run_finished", run_id=str(run_id), state="SKIPPED", epoch=term.epoch)
        self._wait(term, rows, answer.waiting)
        if answer.replace:
            self._store.request_cancel(term.fence, answer.replace, Reason.REPLACED)

    def _wait(
        self, term: Term, rows: Sequence[WaitingRow], waits: Sequence[tuple[UUID, Reason, str]]
    ) -> None:
        known = {row.run_id: row.reason for row in rows}
        news = [wait for wait in waits if known[wait[0]] is not wait[1]]
        if news:
            self._store.wait(term.fence, news)
            for run_id, reason, detail in news:
                log.info("run_waits", run_id=str(run_id), reason=str(reason), detail=detail)

    def _assign(
        self, term: Term, assigned: Sequence[tuple[UUID, str]]
    ) -> list[tuple[str, StartOrder]]:
        if not assigned:
            return []
        orders = self._store.assign(
            term.fence, [(run, worker, term.next_assign_seq()) for run, worker in assigned]
        )
        for worker_id, order in orders:
            log.info(
                "run_assigned",
                run_id=str(order.run_id),
                job=order.job_name,
                attempt=order.attempt,
                worker_id=worker_id,
                epoch=term.epoch,
            )
        return orders

    def _dispatch(
        self, orders: Sequence[tuple[str, StartOrder]], workers: Sequence[WorkerView]
    ) -> None:
        addresses = {worker.facts.worker_id: worker.facts.grpc_address for worker in workers}
        batches: dict[str, list[StartOrder]] = {}
        for worker_id, order in orders:
            batches.setdefault(worker_id, []).append(order)
        for worker_id, batch in batches.items():
            self._dispatcher.start(worker_id, addresses[worker_id], batch)
