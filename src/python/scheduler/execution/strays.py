"""Processes that runs left behind, and the exits held back until they are gone. Pure."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from scheduler.domain.values import ProcessExited


class Strays:
    """Who waits for which stray.

    A stray found when a run ended is that run's; one found when another stray died belongs to
    that stray's owners. One that cannot be killed (stuck in the kernel) so holds back only
    runs that may own it, never those that end later.
    """

    def __init__(self, not_ours: Iterable[int] = ()) -> None:
        self._not_ours = frozenset(not_ours)
        self._owners: dict[int, set[UUID]] = {}
        self._held: dict[UUID, ProcessExited] = {}

    def __len__(self) -> int:
        return len(self._owners) + len(self._held)

    def fresh(self, pids: Iterable[int]) -> list[int]:
        """Those of ``pids`` not seen before."""
        return [pid for pid in pids if pid not in self._owners and pid not in self._not_ours]

    def run_ended(self, event: ProcessExited, strays: Sequence[int]) -> list[ProcessExited]:
        """A run's own process is reaped and left ``strays``; returns the exits now complete."""
        self._held[event.run_id] = event
        return self._own({event.run_id}, strays)

    def reaped(self, pid: int, strays: Sequence[int]) -> list[ProcessExited]:
        """A stray is reaped and left ``strays`` of its own; returns the exits now complete."""
        return self._own(self._owners.pop(pid, set()), strays)

    def _own(self, owners: set[UUID], strays: Sequence[int]) -> list[ProcessExited]:
        for pid in strays:
            self._owners[pid] = set(owners)
        waited_for = set().union(*self._owners.values()) if self._owners else set()
        done = [run_id for run_id in owners if run_id not in waited_for]
        return [self._held.pop(run_id) for run_id in done if run_id in self._held]
