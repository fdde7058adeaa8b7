"""Carries assignments to their workers: fast, but never the truth.

What does not arrive is not lost: the row says ASSIGNED, the worker finds it by its own
comparison with the RDB, and the leader takes it back when it stays unclaimed for too long.
Whatever queued for a worker during one call is the next call's batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock
from uuid import UUID

import structlog

from scheduler.domain.errors import PeerUnreachable, StaleEpoch
from scheduler.domain.placement import NOT_ACCEPTING, UNREACHABLE
from scheduler.domain.values import StartOrder
from scheduler.ports import DRAINING, Bell, Clock, WorkerLink
from scheduler.runtime.fanout import Fanout
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)


class Line:
    """What waits to be said to one worker."""

    def __init__(self) -> None:
        self.orders: list[tuple[float, StartOrder]] = []
        self.cancels: set[UUID] = set()
        self.busy = False


class Dispatcher:
    """Sends StartRuns and CancelRuns, one call at a time per worker.

    ``refused`` collects (run_id, assign_seq, code) for the assigner to take back.
    """

    def __init__(
        self,
        link: WorkerLink,
        clock: Clock,
        fanout: Fanout,
        bell: Bell,
        on_stale: Callable[[StaleEpoch], None],
        on_refusal: Callable[[str, str], None],
    ) -> None:
        """``on_refusal(worker_id, why)``: the worker takes no runs for now, UNREACHABLE or
        NOT_ACCEPTING."""
        self._link, self._clock, self._fanout, self._bell = link, clock, fanout, bell
        self._on_stale, self._on_refusal = on_stale, on_refusal
        self._lock = Lock()
        self._term: Term | None = None
        self._lines: dict[tuple[str, str], Line] = {}
        self._refused: list[tuple[UUID, int, str]] = []

    def establish(self, term: Term) -> None:
        with self._lock:
            self._term, self._lines, self._refused = term, {}, []

    def revoke(self) -> None:
        """The term ended: what was not sent is not sent."""
        with self._lock:
            self._term, self._lines, self._refused = None, {}, []

    def start(self, worker_id: str, address: str, orders: Sequence[StartOrder]) -> None:
        """Send orders soon; their ``start_in_seconds`` counts from now."""
        now = self._clock.boottime()
        with self._lock:
            line = self._lines.setdefault((worker_id, address), Line())
            line.orders.extend((now, order) for order in orders)
        self._pump(worker_id, address)

    def cancel(self, worker_id: str, address: str, runs: Sequence[UUID]) -> None:
        """Ask a worker to end runs."""
        with self._lock:
            line = self._lines.setdefault((worker_id, address), Line())
            line.cancels.update(runs)
        self._pump(worker_id, address)

    def take_refused(self) -> list[tuple[UUID, int, str]]:
        """Orders that came back since the last call: (run_id, assign_seq, code)."""
        with self._lock:
            refused, self._refused = self._refused, []
        return refused

    def _pump(self, worker_id: str, address: str) -> None:
        with self._lock:
            line = self._lines.get((worker_id, address))
            if line is None or line.busy:
                return
            line.busy = True
        self._fanout.spawn(lambda: self._talk(worker_id, address, line))

    def _talk(self, worker_id: str, address: str, line: Line) -> None:
        while True:
            with self._lock:
                term, orders, cancels = self._term, line.orders, line.cancels
                line.orders, line.cancels = [], set()
                line.busy = term is not None and bool(orders or cancels)
            if term is None or not line.busy:
                return
            try:
                self._say(term, worker_id, address, orders, sorted(cancels))
            except Exception:
                # The rows are the orders: the worker finds them by itself.
                log.exception("dispatch_broke", worker_id=worker_id)

    def _say(
        self,
        term: Term,
        worker_id: str,
        address: str,
        orders: Sequence[tuple[float, StartOrder]],
        cancels: Sequence[UUID],
    ) -> None:
        if not term.trusted(self._clock.boottime()):
            return
        try:
            if orders:
                self._start(term, worker_id, address, orders)
            if cancels:
                self._link.cancel_runs(address, term.command, cancels)
        except StaleEpoch as error:
            self._on_stale(error)
        except PeerUnreachable as error:
            log.warning("dispatch_failed", worker_id=worker_id, reason=str(error))
            if error.refused:
                self._on_refusal(worker_id, UNREACHABLE)
                self._give_back([(o.run_id, o.assign_seq, UNREACHABLE) for _, o in orders])
            self._bell.ring(f"worker:{address}")

    def _start(
        self, term: Term, worker_id: str, address: str, orders: Sequence[tuple[float, StartOrder]]
    ) -> None:
        now = self._clock.boottime()
        aged = [order_in(order, order.start_in_seconds - (now - at)) for at, order in orders]
        reply = self._link.start_runs(address, term.command, aged)
        sequences = {order.run_id: order.assign_seq for order in aged}
        if any(code == DRAINING for _, code in reply.refused):
            self._on_refusal(worker_id, NOT_ACCEPTING)
        self._give_back([(run, sequences[run], code) for run, code in reply.refused])

    def _give_back(self, refused: list[tuple[UUID, int, str]]) -> None:
        if refused:
            with self._lock:
                self._refused.extend(refused)
            self._bell.ring("leader")


def order_in(order: StartOrder, start_in_seconds: float) -> StartOrder:
    """The order, starting in so many seconds from now (at once when that is past)."""
    return replace(order, start_in_seconds=max(0.0, start_in_seconds))
