"""Carries out ``domain.assignment``: reads what waits, decides, writes, dispatches."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from scheduler.domain.assignment import AssignmentPolicies, Assignments, assign, worker_slots
from scheduler.domain.values import Reason, RunState, StartOrder, WorkerView
from scheduler.ports import ActiveRow, Clock, LeaderStore, WaitingRow
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.guard import StartGuard
from scheduler.runtime.member import Term
from scheduler.runtime.upstreams import ParkedRuns, upstreams_of

log = structlog.get_logger(__name__)

IDLE_SECONDS = 60.0
BEFORE_ALL = UUID(int=0)

PAUSE_SECONDS = 0.1
"""While much waits, the next tick begins so long after the last one began, at the soonest."""

MANY, SPARE_PLACES = 200, 3
LOOK_PAUSES, LONGEST_PAUSE_SECONDS = 4.0, 1.0
"""After a look at MANY waiting runs, so many times as long as it took pass before the next: looks
at all take at most a fifth of the leader's time. In between runs that need nothing but a place
get theirs."""

ENDS_AHEAD = 2
"""While much waits, each worker is given so many times as many runs beyond its free places as have
ended there since the last tick: their places get free before the next."""


class Assigner:
    """PENDING -> ASSIGNED, SKIPPED, or a reason to wait; orders go to the dispatcher."""

    def __init__(
        self,
        store: LeaderStore,
        dispatcher: Dispatcher,
        clock: Clock,
        config: Callable[[], RuntimeConfig],
        refuses: Callable[[str], str],
    ) -> None:
        """``refuses(worker_id)``: why it takes no runs, as last heard; empty where it does."""
        self._store, self._dispatcher, self._refuses = store, dispatcher, refuses
        self._clock, self._config = clock, config
        self._guard = StartGuard(store, clock, config)
        self._look_at_all_at = 0.0
        self._looked_through = BEFORE_ALL
        self._took_seconds = 0.0
        self._given: dict[UUID, str] = {}
        self.parked = ParkedRuns(store)

    @property
    def pause_seconds(self) -> float:
        """How long after its begin the last tick is followed by another, at the soonest: at once
        unless the last look at all that waits found MANY runs. Then what ends meanwhile is one
        batch, and ticks take at most half of the leader's time."""
        much_waits = self._clock.boottime() < self._look_at_all_at
        return max(PAUSE_SECONDS, 2 * self._took_seconds) if much_waits else 0.0

    def tick(self, term: Term, workers: Sequence[WorkerView], *, paused: bool) -> float:
        """Returns the seconds until a waiting run comes due. Raises StaleEpoch,
        DatabaseUnavailable."""
        began, now = self._clock.boottime(), self._clock.now()
        rows = self._waiting(now, began, workers)
        looked_at = len(rows)
        # Beside all that waits only: a newer run may make a parked one pointless.
        if began >= self._look_at_all_at:
            rows += self.parked.rows(began, self._config().waiting_limit)
        if not rows:
            return min(IDLE_SECONDS, self.parked.due_in(began))
        active = self._store.active()
        begun = self._begun(rows, active, now, spare=began < self._look_at_all_at)
        answer = self._decide(term, rows, active, begun, workers, now, paused=paused)
        self._given.update(answer.assigned)
        # First what starts now: a reason to wait may be written a moment later.
        orders = self._assign(term, answer)
        self._dispatch(orders, workers)
        self._tell(term, orders)
        self._write(term, rows, answer)
        if answer.counted:
            self._guard.counted(term)
        ended = self._clock.boottime()
        self._took_seconds = ended - began
        if began >= self._look_at_all_at and looked_at > MANY:
            pause = min(LOOK_PAUSES * self._took_seconds, LONGEST_PAUSE_SECONDS)
            self._look_at_all_at = ended + pause
        placed = {run_id for run_id, _ in answer.assigned}
        later = [row.due_at for row in rows if row.due_at > now and row.run_id not in placed]
        later += answer.turns.values()
        due_in = (min(later) - now).total_seconds() if later else IDLE_SECONDS
        if answer.skipped:
            # Others may depend on what was skipped.
            return 0.0
        look_in = self._look_at_all_at - self._clock.boottime()
        return min(due_in, look_in if look_in > 0 else self.parked.due_in(began))

    def _begun(
        self, rows: Sequence[WaitingRow], active: Sequence[ActiveRow], now: datetime, *, spare: bool
    ) -> list[ActiveRow]:
        """The runs that take places. Those handed out before they are due take no place of what is
        due now; with ``spare``, nor do as many as will end before the next tick."""
        given, self._given = self._given, {row.run_id: row.worker_id for row in active}
        begun = [row for row in active if row.state is RunState.RUNNING or row.due_at <= now]
        if not spare:
            return begun
        back = {row.run_id for row in rows}
        ended = Counter(w for run, w in given.items() if run not in self._given and run not in back)
        soon = Counter({worker_id: ENDS_AHEAD * count for worker_id, count in ended.items()})
        return [row for row in begun if not _counted_down(soon, row.worker_id)]

    def cancel(self, term: Term) -> None:
        """End what is to be canceled and is not claimed. Raises StaleEpoch, DatabaseUnavailable."""
        for run_id in self._store.cancel_waiting(term.fence):
            log.info("run_finished", run_id=str(run_id), state="CANCELED", epoch=term.epoch)

    def _waiting(
        self, now: datetime, began: float, workers: Sequence[WorkerView]
    ) -> list[WaitingRow]:
        """All that waits. Where that was much a moment ago, only as much as the places take: each
        end of a run would else cost as much as all that waits."""
        horizon = now + timedelta(seconds=self._config().assign_ahead_seconds)
        if began >= self._look_at_all_at:
            return self._look(horizon)
        heads = SPARE_PLACES * sum(worker.facts.capacity for worker in workers)
        limit = self._config().waiting_limit
        return self._store.waiting(horizon, limit, heads=heads, for_a_place_only=True)

    def _look(self, until: datetime) -> list[WaitingRow]:
        """The first of each kind; where that is not all, also one page of the rest, so that look
        after look every run is told why it waits, or that it came too late."""
        limit = self._config().waiting_limit
        rows = self._store.waiting(until, limit, heads=limit)
        if len(rows) < limit:
            return rows
        page = self._store.waiting_after(until, limit, self._looked_through)
        self._looked_through = page[-1].run_id if len(page) == limit else BEFORE_ALL
        known = {row.run_id for row in rows}
        return rows + [row for row in page if row.run_id not in known]

    def hold(self, term: Term, awaited: Sequence[str]) -> None:
        """Nothing is handed out: what waits says that the cluster awaits the replay of workers.
        Raises StaleEpoch, DatabaseUnavailable."""
        detail = f"the database failed over; awaiting {', '.join(awaited) or 'all workers'}"
        rows = self._look(self._clock.now())
        self._wait(term, rows, [(row.run_id, Reason.WAIT_REPLAY, detail) for row in rows])

    def _decide(
        self,
        term: Term,
        rows: Sequence[WaitingRow],
        active: Sequence[ActiveRow],
        begun: Sequence[ActiveRow],
        workers: Sequence[WorkerView],
        now: datetime,
        *,
        paused: bool,
    ) -> Assignments:
        leader = term.command.leader_worker_id
        asking = upstreams_of(self._store, [row for row in rows if row.due_at <= now])
        refusing = {w.facts.worker_id: self._refuses(w.facts.worker_id) for w in workers}
        answer = assign(
            rows,
            active,
            worker_slots(workers, begun, leader, refusing),
            now,
            AssignmentPolicies(
                self._config().skip_late_runs_after_seconds,
                paused,
                self._config().start_cap_per_minute,
            ),
            ahead=worker_slots(workers, active, leader, refusing),
            upstreams=asking,
            starts=self._guard.starts(rows, now),
        )
        self.parked.decided(self._clock.boottime(), now, answer)
        return answer

    def _write(self, term: Term, rows: Sequence[WaitingRow], answer: Assignments) -> None:
        if answer.skipped:
            given_up = [skip for skip in answer.skipped if skip[1] is Reason.RETRY_BUDGET]
            others = [skip for skip in answer.skipped if skip[1] is not Reason.RETRY_BUDGET]
            self._guard.alert(term, rows, given_up)
            ended = self._store.give_up(term.fence, given_up) + self._store.skip(term.fence, others)
            for run_id in ended:
                log.info("run_finished", run_id=str(run_id), state="SKIPPED", epoch=term.epoch)
        self._wait(term, rows, answer.waiting, answer.turns)
        if answer.replace:
            self._store.request_cancel(term.fence, answer.replace, Reason.REPLACED)

    def _wait(
        self,
        term: Term,
        rows: Sequence[WaitingRow],
        waits: Sequence[tuple[UUID, Reason, str]],
        turns: Mapping[UUID, datetime] | None = None,
    ) -> None:
        news = self._guard.news(rows, waits, turns or {})
        if news:
            self._guard.alert(term, rows, news)
            self._store.wait(term.fence, news)
            for reason, count in Counter(reason for _, reason, _ in news).items():
                log.info("runs_wait", reason=str(reason), count=count, epoch=term.epoch)

    def _assign(self, term: Term, answer: Assignments) -> list[tuple[str, StartOrder]]:
        if not answer.assigned:
            return []
        triples = [(run, worker, term.next_assign_seq()) for run, worker in answer.assigned]
        return self._store.assign(term.fence, triples, counted=answer.counted)

    def _tell(self, term: Term, orders: Sequence[tuple[str, StartOrder]]) -> None:
        for worker_id, order in orders:
            log.info(
                "run_assigned",
                run_id=str(order.run_id),
                job=order.job_name,
                attempt=order.attempt,
                worker_id=worker_id,
                epoch=term.epoch,
            )

    def _dispatch(
        self, orders: Sequence[tuple[str, StartOrder]], workers: Sequence[WorkerView]
    ) -> None:
        addresses = {worker.facts.worker_id: worker.facts.grpc_address for worker in workers}
        batches: dict[str, list[StartOrder]] = {}
        for worker_id, order in orders:
            batches.setdefault(worker_id, []).append(order)
        for worker_id, batch in batches.items():
            self._dispatcher.start(worker_id, addresses[worker_id], batch)


def _counted_down(counter: Counter[str], key: str) -> bool:
    """Take one of ``key`` from the counter, where there is one."""
    if counter[key] <= 0:
        return False
    counter[key] -= 1
    return True
