"""The worker's hands: takes orders, claims them at their time, starts them, reports their end.

One thread ticks this; the gRPC threads only put orders and cancels into its inbox. Claims,
finishes and the anti-entropy check therefore never overlap, which is what makes "a RUNNING row
with no process here was never started" a safe conclusion.

Each tick is one natural batch: all orders that are due are claimed by one statement, all ends
seen since the last tick are written by another.
"""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from threading import Event, Lock
from uuid import UUID

import structlog

from scheduler.domain.errors import DatabaseUnavailable, TimelineChanged
from scheduler.domain.placement import capability_of
from scheduler.domain.values import (
    ForkServerLost,
    ProcessEvent,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    Reason,
    RunResult,
    RunState,
    StartOrder,
)
from scheduler.ports import DRAINING, Journal, ProcessHost, Spool, WorkerStore
from scheduler.runtime import outcomes
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.events import load_events
from scheduler.runtime.member import Member
from scheduler.runtime.orders import Handled, OrderBook
from scheduler.runtime.replayer import Replayer
from scheduler.runtime.reporter import Reporter
from scheduler.runtime.starter import Prepare, Starter

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
"""Between tries while the RDB is away."""

PACE_SECONDS = 0.1
"""While runs end one after another, their results, and the claims of what waits for their places,
are written at most so often. One that ends alone, or comes due, never waits."""

HOLD_SECONDS = 0.5
"""So long an order that was handed over when due waits for a place here, then it is given back."""


class Agent:
    """Executes the orders of one worker.

    ``prepare`` makes the processes of orders. ``ring`` tells the leader that runs ended: others may
    start. ``finished`` is handed the results that became the runs' outcomes.
    """

    def __init__(
        self,
        member: Member,
        store: WorkerStore,
        host: ProcessHost,
        spool: Spool,
        journal: Journal,
        config: Callable[[], RuntimeConfig],
        prepare: Prepare,
        new_token: Callable[[], UUID],
        random: Random,
        wake: Event,
        ring: Callable[[], object],
        finished: Callable[[Sequence[RunResult]], None] | None = None,
    ) -> None:
        self._ring = ring
        self._member, self._store, self._host = member, store, host
        self._replayer = Replayer(member, store, journal, config)
        self._reporter = Reporter(member, store, spool, self._replayer.finished, ring, finished)
        self._starter = Starter(member, host, prepare, lambda event: self.happened([event]))
        self._config = config
        self._new_token, self._random, self._wake = new_token, random, wake
        self._lock = Lock()
        self._orders = OrderBook()
        self._cancels: set[UUID] = set()
        self._events: deque[ProcessEvent] = deque()
        self._claimed: dict[UUID, Handled] = {}
        self._missing: set[UUID] = set()
        self._ticking = False
        self._retry_at = self._claimed_at = self._entropy_at = 0.0

    # ------------------------------------------------------------- called from other threads

    def offer(self, orders: Sequence[StartOrder], now: float) -> list[tuple[UUID, str]]:
        """Take orders received at ``now``; returns those refused, with a code. Idempotent."""
        refused = []
        for order in orders:
            code = self._refusal(order)
            if code:
                refused.append((order.run_id, code))
            elif order.run_id not in self._claimed:
                at = now + order.start_in_seconds
                self._orders.put(Handled(order, self._new_token(), at))
        # The import of a command takes longer than all else between due and started.
        self._host.warm([order.command for order in orders if order.isolation != "exec"])
        self._wake.set()
        return refused

    def cancel(self, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        """Ask for the end of runs; returns those that this worker knows."""
        with self._lock:
            known = tuple(run for run in runs if run in self._claimed or run in self._orders)
            self._cancels.update(known)
        self._wake.set()
        return known

    def happened(self, events: Sequence[ProcessEvent]) -> None:
        """Events of the process host, in order."""
        self._events.extend(events)
        self._wake.set()

    def abandon(self) -> None:
        """The lease is over: drop what was not claimed. What runs is being killed."""
        self._orders.take_all()
        self._starter.end_life()

    def check_now(self) -> None:
        """Compare with the RDB at the next tick (the bell rang, or an order may be lost)."""
        self._entropy_at = 0.0
        self._wake.set()

    def open_runs(self) -> int:
        return len(self._orders) + len(self._claimed)

    def running(self) -> tuple[UUID, ...]:
        return tuple(self._claimed)

    def idle(self) -> bool:
        """True when nothing is running or being started and every result is with the RDB."""
        busy = self._ticking or self._orders or self._claimed or self._events
        return not busy and self._reporter.done

    # ------------------------------------------------------------------------------ the tick

    def tick(self, now: float) -> float:
        """One natural batch of ends, cancels and starts; returns when the next is due."""
        self._ticking = True
        try:
            wake_at = self._tick(now)
        finally:
            self._ticking = False
        return wake_at if self._member.joined else max(wake_at, now + RETRY_SECONDS)

    def _tick(self, now: float) -> float:
        self._collect_events()
        if now < self._retry_at:
            return self._retry_at
        try:
            if self._replayer.catch_up(now):
                self._entropy_at = 0.0
            self._report(now)
            self._forward_cancels()
            if not self._member.accepting:
                self._give_back_all()
            self._start_due(now)
            if now >= self._entropy_at and self._member.joined:
                self._entropy_at = now + self._config().anti_entropy_seconds
                self._compare_with_rdb(now)
        except TimelineChanged as change:
            self._member.see_timeline(change.current, now)
            return now
        except DatabaseUnavailable as error:
            log.warning("worker_store_unavailable", reason=str(error))
            self._reporter.keep_on_disk()
            self._retry_at = now + RETRY_SECONDS
            return self._retry_at
        return self._next_wake(now)

    def _refusal(self, order: StartOrder) -> str:
        if not self._member.accepting:
            return DRAINING
        if capability_of(order.executor) not in self._member.facts.capabilities:
            return "unknown_executor"
        return ""

    def _may_start(self, now: float) -> bool:
        """No process is started that the lease would end at once."""
        grace = self._config().kill_grace_seconds
        return (
            self._member.joined
            and not self._member.deadline.must_terminate(now, grace)
            and self._replayer.may_claim(now)
        )

    def _next_wake(self, now: float) -> float:
        report_at = self._entropy_at
        if self._reporter.waiting:
            report_at = self._reporter.reported_at + PACE_SECONDS
        due_at = self._orders.next_at()
        if due_at is None:
            return min(report_at, self._entropy_at)
        if not self._may_start(now):
            due_at = max(due_at, now + RETRY_SECONDS)
        return min(due_at, report_at, self._entropy_at)

    # ---------------------------------------------------------------------------------- ends

    def _collect_events(self) -> None:
        while self._events:
            event = self._events.popleft()
            if isinstance(event, ForkServerLost):
                for run_id in event.run_ids:
                    self._finish_orphaned(run_id)
            elif isinstance(event, ProcessStarted):
                log.info("run_process_started", run_id=str(event.run_id), pid=event.pid)
            else:
                self._finish(event)

    def _finish(self, event: ProcessExited | ProcessNotStarted) -> None:
        claimed = self._claimed.pop(event.run_id, None)
        if claimed is None:
            return
        chance = self._random.random()
        if isinstance(event, ProcessNotStarted) and event.blameless:
            result = outcomes.never_started(event.run_id, claimed.token, event.error)
        elif isinstance(event, ProcessNotStarted):
            result = outcomes.not_started(
                claimed.order, claimed.token, Reason.START_FAILED, event.error, chance
            )
        else:
            result = outcomes.exited(claimed.order, claimed.token, event, chance, claimed.log_ref)
        self._reporter.add(result)

    def _finish_orphaned(self, run_id: UUID) -> None:
        claimed = self._claimed.pop(run_id, None)
        if claimed is not None:
            order, token, log_ref = claimed.order, claimed.token, claimed.log_ref
            lost = outcomes.orphaned(order, token, Reason.FORK_SERVER_LOST, log_ref=log_ref)
            self._reporter.add(lost)

    def _report(self, now: float) -> None:
        self._reporter.replay_spool(now)
        if not self._more_end_soon(now):
            self._reporter.report(now)

    def _more_end_soon(self, now: float) -> bool:
        few = self._reporter.waiting < self._member.facts.capacity
        return bool(self._claimed) and few and now < self._reporter.reported_at + PACE_SECONDS

    # -------------------------------------------------------------------------------- starts

    def _forward_cancels(self) -> None:
        with self._lock:
            cancels, self._cancels = self._cancels, set()
        self._orders.discard(cancels)
        running = [run_id for run_id in cancels if run_id in self._claimed]
        if running:
            self._host.cancel(running)

    def _start_due(self, now: float) -> None:
        worker_id = self._member.worker_id
        if not self._may_start(now):
            return
        due = self._place(self._orders.take_due(now, self._config().batch_size), now)
        if not due:
            return
        self._claimed_at = now
        claims = [(item.order.run_id, item.order.assign_seq, item.token) for item in due]
        try:
            load_events(self._store, due)
            preparation = self._starter.begin(due, worker_id)
            won = set(self._store.claim(worker_id, claims, hold_seq=self._member.hold_seq))
        except DatabaseUnavailable:
            self._orders.put_back(due, now + RETRY_SECONDS)
            raise
        for item in due:
            if item.order.run_id in won:
                self._claimed[item.order.run_id] = item
            else:
                log.info("run_claim_lost", run_id=str(item.order.run_id), worker_id=worker_id)
                # After a pause the row may still be mine: look again, and not only by and by.
                self._entropy_at = min(self._entropy_at, now + RETRY_SECONDS)
        mine = [item for item in due if item.order.run_id in won]
        self._replayer.claimed(mine, now)
        if not self._starter.start(mine, worker_id, preparation):
            for item in mine:
                self._claimed.pop(item.order.run_id, None)

    def _place(self, due: Sequence[Handled], now: float) -> Sequence[Handled]:
        """Those of ``due`` that start now. Of the others some wait for a place, some go back."""
        room = max(0, self._member.facts.capacity - len(self._claimed))
        placed, beyond = due[:room], due[room:]
        # An order handed over ahead found its place taken: another worker may have one at once.
        late = [item for item in beyond if item.ahead or now >= item.at + HOLD_SECONDS]
        if late:
            self._give_back(late)
        for item in beyond:
            if item not in late:
                self._orders.hold(item, item.at + HOLD_SECONDS)
        if placed and self._more_places_soon(placed, room, now):
            for item in placed:
                self._orders.hold(item, self._claimed_at + PACE_SECONDS)
            return []
        return placed

    def _more_places_soon(self, placed: Sequence[Handled], room: int, now: float) -> bool:
        waited = all(item.held_until is not None for item in placed)
        few = 2 * room < self._member.facts.capacity
        return waited and few and now < self._claimed_at + PACE_SECONDS

    def _give_back_all(self) -> None:
        items = self._orders.take_all()
        if items and self._member.joined:
            self._give_back(items)

    def _give_back(self, items: Sequence[Handled]) -> None:
        """Orders that are not started here are somebody else's."""
        rows = [(item.order.run_id, item.order.assign_seq) for item in items]
        worker_id, epoch = self._member.worker_id, self._member.newest_epoch
        given = self._store.give_back(worker_id, rows)
        self._ring()
        for run_id in given:
            log.info("run_given_back", run_id=str(run_id), worker_id=worker_id, epoch=epoch)

    # -------------------------------------------------------------------------- anti-entropy

    def _compare_with_rdb(self, now: float) -> None:
        """No run is RUNNING for ever: each row in my name has a process, a result on its way,
        or is finished here as never started; each process has its row, or is killed."""
        self._end_missing()
        rows = {row.run_id: row for row in self._store.mine(self._member.worker_id)}
        ended = self._reporter.run_ids()
        for run_id, row in rows.items():
            if row.state is RunState.RUNNING and row.claim_token is not None:
                self._check_running(run_id, row.claim_token, row.cancel_requested, ended)
        self._kill_unclaimed({r for r, row in rows.items() if row.state is RunState.RUNNING})
        lost = [
            run_id
            for run_id, row in rows.items()
            if row.state is RunState.ASSIGNED and run_id not in self._orders
        ]
        if lost and self._member.accepting:
            self.offer(self._store.orders(self._member.worker_id, lost), now)

    def _end_missing(self) -> None:
        """A run that the process host has not known of in two looks has no process: its end would
        have been told in between."""
        known = self._host.running()
        missing = {run_id for run_id in self._claimed if run_id not in known}
        for run_id in missing & self._missing:
            log.error("run_without_process", run_id=str(run_id), worker_id=self._member.worker_id)
            why = "its worker lost sight of it: the process host does not know it"
            self._finish(ProcessNotStarted(run_id, why, blameless=True))
        self._missing = missing - self._missing

    def _check_running(
        self, run_id: UUID, token: UUID, cancel_requested: bool, ended: set[UUID]
    ) -> None:
        if run_id in self._claimed:
            if cancel_requested:
                self.cancel([run_id])
        elif run_id not in ended:
            log.error("run_never_started", run_id=str(run_id), worker_id=self._member.worker_id)
            why = "claimed, but its worker has no process of it"
            self._reporter.add(outcomes.never_started(run_id, token, why))

    def _kill_unclaimed(self, claimed_rows: set[UUID]) -> None:
        strangers = [run for run in self._claimed if run not in claimed_rows]
        if strangers:
            log.error("runs_without_claim_killed", runs=[str(run) for run in strangers])
            self._host.cancel(strangers)
