"""The orders of a worker between their receipt and their claim. Safe for threads."""

from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from scheduler.domain.values import StartOrder


class Handled:
    """An order from its receipt until its result is on its way; ``at`` is its start (boottime).

    ``token`` is made once: a claim whose answer was lost is asked again under the same token,
    and the RDB knows it. ``held_until`` is set once it is due and waits for a place.
    """

    __slots__ = ("at", "held_until", "log_ref", "order", "token")

    def __init__(self, order: StartOrder, token: UUID, at: float) -> None:
        self.order, self.token, self.at = order, token, at
        self.held_until: float | None = None
        self.log_ref = ""

    @property
    def ahead(self) -> bool:
        """Whether it was handed over before it was due."""
        return self.order.start_in_seconds > 0


class OrderBook:
    """Orders by run; of two for one run the later assignment counts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[UUID, Handled] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, run_id: UUID) -> bool:
        return run_id in self._held

    def put(self, item: Handled) -> None:
        """Take an order, unless a later assignment of the run is here."""
        with self._lock:
            held = self._held.get(item.order.run_id)
            if held is None or held.order.assign_seq < item.order.assign_seq:
                self._held[item.order.run_id] = item

    def take_due(self, now: float, limit: int) -> list[Handled]:
        """Take out what starts by ``now``, in the order of assignment."""
        with self._lock:
            ready = [item for item in self._held.values() if item.at <= now]
            ready.sort(key=lambda item: item.order.assign_seq)
            for item in ready[:limit]:
                del self._held[item.order.run_id]
        return ready[:limit]

    def put_back(self, items: Sequence[Handled], at: float) -> None:
        """Have taken orders start later, at ``at``. The same order received again meanwhile gives
        way: the RDB may know the token of this one."""
        with self._lock:
            for item in items:
                item.at, item.held_until = at, None
                held = self._held.get(item.order.run_id)
                if held is None or held.order.assign_seq <= item.order.assign_seq:
                    self._held[item.order.run_id] = item

    def hold(self, item: Handled, until: float) -> None:
        """Keep a taken order that is due; it is taken again whenever there is a look at what is
        due, and is a reason for one at ``until``."""
        item.held_until = until
        self.put(item)

    def take_all(self) -> list[Handled]:
        with self._lock:
            items, self._held = list(self._held.values()), {}
        return items

    def discard(self, runs: set[UUID]) -> None:
        with self._lock:
            for run_id in runs:
                self._held.pop(run_id, None)

    def next_at(self) -> float | None:
        """When the next order starts, or has waited long enough (boottime)."""
        with self._lock:
            times = [
                item.at if item.held_until is None else item.held_until
                for item in self._held.values()
            ]
        return min(times, default=None)
