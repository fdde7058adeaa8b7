"""Which runs follow when runs of upstreams end: those of definitions without a schedule.

The promise: when all its ``same_slot`` upstreams have an outcome for a root (SUCCEEDED or FAILED,
``domain.dependencies``), the definition gets one run of that root, whose slot key is the same
whichever of them ended last. What a failure means is asked of that run, as of any that depends:
so what is skipped leaves a row, and a chain is skipped to its end.

``latest`` upstreams trigger only where there are no others. Backfills trigger nothing: a backfill
that is to carry its dependents names them. A run made again by hand has the root of the first: if
that has had its followers, no others are made.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from scheduler.domain.dependencies import Link, Outcome, SlotRun, outcome
from scheduler.domain.dependency_graph import Match
from scheduler.domain.lineage import root_of
from scheduler.domain.runs import BACKFILL


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended and has no retry to come, of a definition that others depend on."""

    run_id: UUID
    definition_id: int
    slot_key: str
    scheduled_for: datetime


@dataclass(frozen=True, slots=True)
class Trigger:
    """A run to be made: of this definition, following the upstreams' runs of this root."""

    definition_id: int
    root: str
    scheduled_for: datetime


def triggering(links: Iterable[Link]) -> list[Link]:
    """Of one definition's links those that trigger it."""
    known = list(links)
    same = [link for link in known if link.match is Match.SAME_SLOT]
    return same or known


def carries_on(root: str) -> bool:
    """Whether the end of a run of this root triggers those that depend on it."""
    return not root.startswith(BACKFILL)


def triggered(
    ended: Iterable[Ended],
    links: Iterable[Link],
    runs: Mapping[tuple[int, str], Sequence[SlotRun]],
) -> list[Trigger]:
    """The runs that follow: one for each definition and root all of whose triggers are final.

    ``links`` are all links of the definitions without a schedule that depend on what ended;
    ``runs`` those of each (upstream, root) that ``asked_of`` names."""
    needed_by = _by_dependent(links)
    found: dict[tuple[int, str], Trigger] = {}
    for end in ended:
        root = root_of(end.slot_key)
        for dependent in _followers(end, root, needed_by):
            if _all_final(needed_by[dependent], end, root, runs):
                slot = _slot_of(end, runs.get((end.definition_id, root), ()))
                found.setdefault((dependent, root), Trigger(dependent, root, slot))
    return list(found.values())


def asked_of(ended: Iterable[Ended], links: Iterable[Link]) -> set[tuple[int, str]]:
    """The (upstream, root) whose runs ``triggered`` is to be given."""
    needed_by = _by_dependent(links)
    return {
        (link.upstream_id, root)
        for end in ended
        for root in (root_of(end.slot_key),)
        for dependent in _followers(end, root, needed_by)
        for link in needed_by[dependent]
    }


def _followers(end: Ended, root: str, needed_by: Mapping[int, Sequence[Link]]) -> list[int]:
    """The definitions that the end of a run of this root may trigger."""
    if not carries_on(root):
        return []
    return [
        dependent
        for dependent, needed in needed_by.items()
        if any(link.upstream_id == end.definition_id for link in needed)
    ]


def _by_dependent(links: Iterable[Link]) -> dict[int, list[Link]]:
    every: dict[int, list[Link]] = {}
    for link in links:
        every.setdefault(link.definition_id, []).append(link)
    return {dependent: triggering(each) for dependent, each in every.items()}


def _all_final(
    needed: Iterable[Link],
    end: Ended,
    root: str,
    runs: Mapping[tuple[int, str], Sequence[SlotRun]],
) -> bool:
    """Those of the same slot must be; a ``latest`` one needs to have ended just now."""
    upstreams = {
        link.upstream_id
        for link in needed
        if link.match is Match.SAME_SLOT or link.upstream_id == end.definition_id
    }
    final = (Outcome.SUCCEEDED, Outcome.FAILED)
    return all(outcome(runs.get((upstream, root), ()))[0] in final for upstream in upstreams)


def _slot_of(end: Ended, runs: Sequence[SlotRun]) -> datetime:
    """The slot itself, also where what ended is a run made again later."""
    return min((run.scheduled_for for run in runs), default=end.scheduled_for)
