"""What plugins are told of, and how far each has read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scheduler.domain.values import (
    Fence,
    RunTransition,
)


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """Transitions in the order of their commits for each run; ``place`` is where they end, for
    ``Outbox.taken`` only."""

    transitions: tuple[RunTransition, ...]
    place: tuple[int, int, int]


class Outbox(Protocol):
    """The transitions that plugins declared, and how far each of its readers has come."""

    def unread(self, reader: str, limit: int) -> OutboxBatch:
        """What was committed and ``reader`` has not taken yet; the same again until it has."""

    def taken(self, fence: Fence, reader: str, place: tuple[int, int, int]) -> None:
        """``reader`` has taken all up to ``place``. Raises StaleEpoch."""

    def forget(self, fence: Fence, readers: Sequence[str]) -> int:
        """Delete what all of ``readers`` have taken; returns how many. Raises StaleEpoch."""
