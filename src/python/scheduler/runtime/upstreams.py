"""Reads what ``domain.dependencies`` asks about waiting runs, and says when to ask again.

A run that waits for an upstream is *parked*: it is left out of what is looked at in each tick. All
parked runs are looked at when an upstream's run has ended, and from time to time, for that which
comes with nobody to tell it: a deadline, a slot that is not going to come, a dependency made at
the very moment its upstream ended.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from scheduler.domain.assignment import Assignments
from scheduler.domain.dependencies import (
    Link,
    SlotRun,
    Upstream,
    asks,
    links_asked,
    newest_root,
    of_the_slot,
    roots_wanted,
    slot_order,
)
from scheduler.domain.dependency_graph import Match
from scheduler.domain.lineage import ranges_of_root, ranges_until, root_of
from scheduler.domain.values import Reason
from scheduler.ports import LinkReads, LinkStore, WaitingRow

AGAIN_SECONDS = 5.0
NEVER_SECONDS = 3600.0

SlotRuns = Mapping[tuple[int, str], Sequence[SlotRun]]


def upstreams_of(store: LinkReads, rows: Iterable[WaitingRow]) -> dict[UUID, tuple[Upstream, ...]]:
    """The upstreams of those of ``rows`` that must ask them, by run id. Three statements for all
    of them, none where nobody asks. Raises DatabaseUnavailable."""
    asking = [row for row in rows if asks(row, row.reason)]
    if not asking:
        return {}
    by_definition: dict[int, list[Link]] = defaultdict(list)
    for link in store.links([row.definition_id for row in asking]):
        by_definition[link.definition_id].append(link)
    asked = [
        (row, link) for row in asking for link in links_asked(row, by_definition[row.definition_id])
    ]
    roots = _roots(store, asked)
    runs = runs_of_roots(
        store,
        {
            (link.upstream_id, root)
            for (_, link), of_link in zip(asked, roots, strict=True)
            for root in of_link
        },
    )
    found: dict[UUID, tuple[Upstream, ...]] = {}
    for (row, link), of_link in zip(asked, roots, strict=True):
        known = [run for root in of_link for run in runs.get((link.upstream_id, root), ())]
        each = Upstream(link, of_the_slot(of_link, known))
        found[row.run_id] = (*found.get(row.run_id, ()), each)
    return found


def runs_of_roots(store: LinkReads, wanted: Iterable[tuple[int, str]]) -> SlotRuns:
    """The runs of each (definition, root) that has any."""
    ranges = [each for definition, root in wanted for each in ranges_of_root(definition, root)]
    found: dict[tuple[int, str], list[SlotRun]] = defaultdict(list)
    for run in store.runs_of(ranges) if ranges else ():
        found[run.definition_id, root_of(run.slot_key)].append(run)
    return found


def _roots(store: LinkReads, asked: Sequence[tuple[WaitingRow, Link]]) -> list[tuple[str, ...]]:
    """For each the roots whose runs count, the first that has any before the others."""
    latest = _latest(store, asked)
    return [
        roots_wanted(row)
        if link.match is Match.SAME_SLOT
        else newest_root(latest[link.upstream_id], row.scheduled_for)
        for row, link in asked
    ]


def _latest(
    store: LinkReads, asked: Sequence[tuple[WaitingRow, Link]]
) -> Mapping[int, Sequence[SlotRun]]:
    """By upstream its runs in order of their slots: all that is the newest for somebody."""
    wanted = {
        (link.upstream_id, row.scheduled_for) for row, link in asked if link.match is Match.LATEST
    }
    ranges = [each for upstream, instant in wanted for each in ranges_until(upstream, instant)]
    found: dict[int, list[SlotRun]] = {upstream: [] for upstream, _ in wanted}
    for run in sorted(store.newest_of(ranges) if ranges else (), key=slot_order):
        found[run.definition_id].append(run)
    return found


class ParkedRuns:
    """The parked runs of which a look is due, a part in each tick until all have been looked at."""

    def __init__(self, store: LinkStore) -> None:
        self._store = store
        self._told, self._any = True, False
        self._after: tuple[datetime, UUID] | None = None
        self._look_at = 0.0

    def told(self) -> None:
        """An upstream has ended, or a term began: look at all."""
        self._told = True

    def rows(self, began: float, limit: int) -> list[WaitingRow]:
        """The next part, where a look is due by ``began`` (boottime). DatabaseUnavailable."""
        if self._after is None:
            if not self._told and began < self._look_at:
                return []
            self._told, self._any = False, False
        rows = self._store.parked(self._after, limit)
        self._after = (rows[-1].due_at, rows[-1].run_id) if len(rows) == limit else None
        self._look_at = began + AGAIN_SECONDS
        return rows

    def decided(self, at: float, now: datetime, answer: Assignments) -> None:
        """What was decided at ``at`` (boottime), ``now`` by the cluster's clock."""
        self._any |= any(reason is Reason.WAIT_UPSTREAM for _, reason, _ in answer.waiting)
        if answer.upstream_until is not None:
            left = (answer.upstream_until - now).total_seconds()
            self._look_at = min(self._look_at, at + max(0.0, left))

    def due_in(self, began: float) -> float:
        """Seconds until the next look; it is due at once while one is not complete."""
        if self._after is not None or self._told:
            return 0.0
        return max(0.0, self._look_at - began) if self._any else NEVER_SECONDS
