"""Did each run that follows others follow them, once, and after they had succeeded?

Like the audit's timetable this is arithmetic of its own, over the rows alone: nothing is shared
with the code that decides. It looks at dependencies on the same slot whose failure skips.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scheduler_demo.ledger import OPEN_STATES, Definition, Dependency, Run


@dataclass(slots=True)
class Chained:
    """``due`` and ``covered`` count slots that follow others; one sentence for each that is not
    there (``lost``), or should not be (``doubled``)."""

    due: int = 0
    covered: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def audit_chains(
    definitions: Sequence[Definition],
    runs: Sequence[Run],
    dependencies: Sequence[Dependency],
    since: datetime,
    until: datetime,
) -> Chained:
    """Of the slots with ``since < slot <= until``."""
    found, slots = Chained(), _Slots(runs)
    for definition, upstreams in _followers(definitions, dependencies):
        begin = max(since, *(each.since for each in upstreams))
        ids = [each.upstream_id for each in upstreams]
        if definition.schedule is None and definition.enabled:
            for root in slots.succeeded_of_all(ids, begin, until):
                _audit_follower(definition, root, slots, found)
        _audit_order(definition, ids, slots, (begin, until), found)
    return found


def unfollowed(
    definitions: Sequence[Definition],
    runs: Sequence[Run],
    dependencies: Sequence[Dependency],
    since: datetime,
    until: datetime,
) -> bool:
    """Whether a slot that has succeeded still lacks the row that is to follow it."""
    lost = audit_chains(definitions, runs, dependencies, since, until).lost
    return any("no row" in sentence for sentence in lost)


class _Slots:
    """Runs by definition and root: a slot's key without the mark that it follows another."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._rows: dict[tuple[int, str], list[Run]] = defaultdict(list)
        for run in runs:
            self._rows[run.definition_id, run.slot_key.removeprefix("d:")].append(run)

    def of(self, definition_id: int, root: str) -> list[Run]:
        return self._rows.get((definition_id, root), [])

    def roots(self, definition_id: int, since: datetime, until: datetime) -> Iterator[str]:
        for (definition, root), rows in self._rows.items():
            within = since < rows[0].scheduled_for <= until
            if definition == definition_id and within and root.startswith("t:"):
                yield root

    def succeeded_of_all(self, ids: Sequence[int], since: datetime, until: datetime) -> list[str]:
        roots = sorted(self.roots(ids[0], since, until))
        return [root for root in roots if all(self.success(each, root) for each in ids)]

    def success(self, definition_id: int, root: str) -> Run | None:
        done = [run for run in self.of(definition_id, root) if run.state == "SUCCEEDED"]
        return done[0] if done else None


def _followers(
    definitions: Sequence[Definition], dependencies: Sequence[Dependency]
) -> Iterator[tuple[Definition, list[Dependency]]]:
    for definition in definitions:
        upstreams = [each for each in dependencies if each.definition_id == definition.id]
        if upstreams and all(each.plain for each in upstreams):
            yield definition, upstreams


def _audit_follower(definition: Definition, root: str, slots: _Slots, found: Chained) -> None:
    rows = [run for run in slots.of(definition.id, root) if run.attempt == 1]
    found.due += 1
    if not rows:
        found.lost.append(f"{definition.name}: no row after {root}")
    elif len(rows) > 1:
        found.doubled.append(f"{definition.name}: {len(rows)} rows after {root}")
    elif rows[0].state in OPEN_STATES and not rows[0].reason.startswith("WAIT_"):
        found.lost.append(f"{definition.name}: after {root} it is still {rows[0].state}")
    else:
        found.covered += 1


def _audit_order(
    definition: Definition,
    ids: Sequence[int],
    slots: _Slots,
    window: tuple[datetime, datetime],
    found: Chained,
) -> None:
    """No run of it began before all it depends on had succeeded."""
    for root in slots.roots(definition.id, *window):
        began = [run.started_at for run in slots.of(definition.id, root) if run.started_at]
        for upstream in ids if began else ():
            done = slots.success(upstream, root)
            if done is None or done.finished_at is None or done.finished_at > min(began):
                found.doubled.append(f"{definition.name}: {root} began before what it depends on")
