"""What plugins are told of, and how far each has read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scheduler.domain.values import Fence


@dataclass(frozen=True, slots=True)
class OutboxBatch[T]:
    """Transitions in the order of their commits for each run, or alerts; ``place`` is where they
    end, for ``Outbox.taken`` only."""

    items: tuple[T, ...]
    place: tuple[int, int, int]


class Outbox[T](Protocol):
    """What plugins are to be told of, and how far each of its readers has come."""

    def unread(self, reader: str, limit: int) -> OutboxBatch[T]:
        """What was committed and ``reader`` has not taken yet; the same again until it has."""

    def taken(self, fence: Fence, reader: str, place: tuple[int, int, int]) -> None:
        """``reader`` has taken all up to ``place``. Raises StaleEpoch."""

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        """Delete what all of ``readers`` have taken; returns how many. Raises StaleEpoch."""
