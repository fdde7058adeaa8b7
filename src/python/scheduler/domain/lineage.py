"""Which runs of different definitions belong to the same slot: read from their slot keys alone.

==========================  ===========================================  =================
slot key                    what made the run                            root
==========================  ===========================================  =================
``t:<utc>``                 the definition's own schedule                itself
``e:<event>``               an event                                     itself
``m:<request>``             a person: run now                            itself
``b:<backfill>:<utc>``      a backfill                                   itself
``d:<root>``                the end of an upstream run of that root      ``<root>``
``m:<root>:<request>``      a person: again, a run of that root          ``<root>``
==========================  ===========================================  =================

The **root** is what runs of a chain have in common: A runs at ``t:X``, B after it as ``d:t:X``,
C after B as ``d:t:X`` too. So a diamond meets again, a retry keeps its slot's key, and a run made
again by hand counts for the slot it was made again for. Not the run's id: that of a retry is
another one, and a worker's replay after a fail-over may change one.

Everything is asked for by ranges of slot keys within one definition, which its unique index
answers. Timed keys are of one format with whole seconds and UUIDv7 rise with time, so the order of
keys within a family is the order of time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scheduler.domain.runs import BACKFILL, TIMED, slot_instant

TRIGGERED, BY_HAND, BY_EVENT = "d:", "m:", "e:"

_AFTER_HEX = "g"
"""Sorts after each hexadecimal digit, under every collation."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Slot keys of one definition from ``low`` to ``high``, both inclusive."""

    definition_id: int
    low: str
    high: str


def root_of(slot_key: str) -> str:
    """What a run has in common with those it follows and those that follow it."""
    if slot_key.startswith(TRIGGERED):
        return slot_key.removeprefix(TRIGGERED)
    if slot_key.startswith(BY_HAND):
        root, separator, _ = slot_key.removeprefix(BY_HAND).rpartition(":")
        return root if separator else slot_key
    return slot_key


def triggered_key(root: str) -> str:
    """The key of the run that follows an upstream's run of this root."""
    return TRIGGERED + root


def again_key(slot_key: str, request: UUID) -> str:
    """The key of a run that a person asks for in place of the run of ``slot_key``."""
    return f"{BY_HAND}{root_of(slot_key)}:{request}"


def request_of(slot_key: str) -> UUID | None:
    """The request by which a person asked for the run, now or again; None for all other runs."""
    if not slot_key.startswith(BY_HAND):
        return None
    try:
        return UUID(slot_key.rpartition(":")[2])
    except ValueError:
        return None


def backfilled_slot(root: str) -> str | None:
    """The timed root that a slot of a backfill does again; None for another root."""
    if not root.startswith(BACKFILL):
        return None
    instant = root.removeprefix(BACKFILL).partition(":")[2]
    return TIMED + instant


def ranges_of_root(definition_id: int, root: str) -> list[KeyRange]:
    """Where the runs of this root are: planned, triggered, and those made again by hand."""
    again = f"{BY_HAND}{root}:"
    exact = (root, triggered_key(root))
    return [
        *(KeyRange(definition_id, key, key) for key in exact),
        KeyRange(definition_id, again, again + _AFTER_HEX),
    ]


def ranges_until(definition_id: int, instant: datetime) -> list[KeyRange]:
    """The families of slots at or before ``instant``: the newest of each is its last key.

    Backfills are none of them: they do again what has been."""
    return [
        KeyRange(definition_id, prefix + low, prefix + high)
        for prefix in ("", TRIGGERED)
        for low, high in _families(instant)
    ]


def _families(instant: datetime) -> Iterator[tuple[str, str]]:
    yield TIMED, TIMED + slot_instant(instant.replace(microsecond=0))
    stamp = f"{int(instant.timestamp() * 1000):012x}"
    newest = f"{stamp[:8]}-{stamp[8:]}-{_AFTER_HEX}"
    for family in (BY_HAND, BY_EVENT):
        yield f"{family}0", family + newest
