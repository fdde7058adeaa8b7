"""From definitions with a durable cursor to the slots that are due, each with its outcome.

The promise: every slot after the cursor is covered by exactly one row, whatever the instants at
which the planner ticks and however long it was away. It rests on the cursor alone:
``planned_until`` says that every slot up to and including it is covered. A plan moves it from
one value to a later one and names the rows that cover the slots in between, and the store does
both or neither.

**One number divides late from missed**: a definition's ``skip_late_after_seconds``.

- A slot that the planner reaches at most that late is **on time**: PENDING, due at its own
  instant. If no worker takes it within the same number of seconds, ``domain.assignment`` makes
  it SKIPPED with SKIP_LATE.
- A slot that it reaches later was **missed**, for nobody planned. The misfire policy decides:

  ============  =====================================================================
  ``skip``      each is SKIPPED, MISFIRE_SKIPPED
  ``run_once``  the newest missed slot runs; the others are SKIPPED, MISFIRE_COALESCED
  ``run_all``   each runs
  ============  =====================================================================

  A missed slot that runs is a *catch-up*: PENDING, due when it was planned, so it is never
  SKIP_LATE, and ``domain.assignment`` takes it after what is due now.

Missed slots beyond the newest 100 become one SKIPPED row from ``scheduled_for`` to
``scheduled_until`` (both inclusive) with their ``slot_count``, under every policy; a slot among
them that was planned before an edit and is kept has its own row already. After a stop
so long that even counting takes time, each tick covers a bounded stretch with such a row;
``next_fire_at`` then lies in the past, so that the next tick follows at once.

**Days off**: a slot that the schedule's calendar skips is SKIPPED with CALENDAR, on time or missed
(a row of its own, but of more than 100 missed ones in one move each stretch of days off shares a
row), whatever the policy; it never takes the place of a missed slot that may run.

**Ahead**: slots up to ``horizon`` (now + SCHEDULER_ASSIGN_AHEAD_SECONDS) are planned before they
are due. **An edit** (``edited_at``): the new schedule has slots after the edit's own time alone,
and planned rows after it that have not started are deleted unless the new schedule has their slot
too. What earlier schedules still owe up to the edit, because nobody planned (``superseded``), is
covered first, each slot by the schedule in force at its instant and all of them by the rules
above. **Disabled** definitions have no slots; one that is disabled or deleted by now runs none of
those that its earlier schedules owe: each is SKIPPED, MISFIRE_SKIPPED.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from scheduler.domain.edits import Superseded
from scheduler.domain.runs import TIMED, slot_instant
from scheduler.domain.schedules import Schedule
from scheduler.domain.values import Reason, RunState


class MisfirePolicy(StrEnum):
    SKIP = "skip"
    RUN_ONCE = "run_once"
    RUN_ALL = "run_all"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Bounds of one definition's part in one tick."""

    missed_rows: int = 100
    """Missed slots with a row of their own; older ones share one."""
    rows: int = 500
    """On-time slots; more are left to the next tick."""
    scan: int = 20_000
    """Slots looked at; must exceed the other two together."""


@dataclass(frozen=True, slots=True)
class PlannableDefinition:
    """A definition as the planner sees it. Instants are aware UTC."""

    definition_id: int
    revision: int
    schedule: Schedule
    planned_until: datetime
    enabled: bool = True
    misfire_policy: MisfirePolicy = MisfirePolicy.RUN_ONCE
    skip_late_after_seconds: float = 300.0
    edited_at: datetime | None = None
    """When an edit that is not planned yet was asked for."""
    superseded: tuple[Superseded, ...] = ()
    """The schedules in force from the cursor to the edit, oldest first, if they owe slots."""
    kept: frozenset[datetime] = frozenset()
    """Slots that have a row of their own, planned before the edit; only where one waits."""


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """One row to insert. ``scheduled_until`` is set only where the row covers several slots."""

    slot_key: str
    scheduled_for: datetime
    due_at: datetime
    state: RunState
    reason: Reason | None = None
    detail: str = ""
    scheduled_until: datetime | None = None
    slot_count: int = 1


@dataclass(frozen=True, slots=True)
class DefinitionPlan:
    """One definition's move: cursor, bell and rows, all or nothing.

    A row that exists already (kept over an edit) stays as it is:
    insert with ON CONFLICT (definition, slot_key, attempt) DO NOTHING. After an edit,
    ``replaces_after`` is its time, or the cursor where slots before it are owed: timed rows
    (``t:``) not started, first attempts, with ``scheduled_for > replaces_after`` whose slot_key
    is not among ``slots`` are deleted first.
    """

    definition_id: int
    revision: int
    planned_until_old: datetime
    planned_until_new: datetime
    next_fire_at: datetime | None
    slots: tuple[PlannedSlot, ...] = ()
    replaces_after: datetime | None = None
    keeps_edit: bool = False
    """Earlier schedules owe more than this move covers: the edit stays for the next one."""

    @property
    def catches_up(self) -> bool:
        """Whether it runs slots that were missed."""
        return any(s.state is RunState.PENDING and s.due_at > s.scheduled_for for s in self.slots)


def plan(
    definitions: Iterable[PlannableDefinition],
    now: datetime,
    horizon: datetime,
    limits: PlanLimits | None = None,
) -> list[DefinitionPlan]:
    """The move of each definition at cluster time ``now``, those with catch-ups last.

    Give it the definitions with ``next_fire_at <= horizon``: the cost follows what is due.
    """
    moves = [_plan_one(each, now, horizon, limits or PlanLimits()) for each in definitions]
    return sorted(moves, key=lambda move: move.catches_up)


def slot_key(instant: datetime) -> str:
    """A timed slot's identity: ``t:2026-11-23T06:00:00Z``."""
    return TIMED + slot_instant(instant)


def _plan_one(
    definition: PlannableDefinition, now: datetime, horizon: datetime, limits: PlanLimits
) -> DefinitionPlan:
    found = _slots_owed(definition, horizon, limits.scan)
    late_from = now - timedelta(seconds=definition.skip_late_after_seconds)
    missed = [slot for slot in found if slot < late_from] if definition.enabled else found
    on_time = found[len(missed) :]
    if len(found) == limits.scan and not on_time:
        return _cover_a_stretch(definition, missed, now, limits)
    planned = on_time[: limits.rows]
    rows = _missed_rows(definition, missed, now, limits)
    rows += [_on_time_row(definition, slot) for slot in planned]
    everything = len(found) < limits.scan and len(planned) == len(on_time)
    reached = _end(definition, horizon) if everything else planned[-1]
    return _move(definition, reached, tuple(rows))


def _slots_owed(definition: PlannableDefinition, horizon: datetime, limit: int) -> list[datetime]:
    """The slots after the cursor, each by the schedule in force at its instant."""
    found: list[datetime] = []
    for schedule, start, end in _spans(definition, horizon):
        if len(found) < limit:
            found += schedule.between(start, end, limit - len(found))
    return found


def _spans(
    definition: PlannableDefinition, horizon: datetime
) -> Iterator[tuple[Schedule, datetime, datetime]]:
    """The schedules in force after the cursor, each with its stretch of time."""
    cursor = definition.planned_until
    for past in definition.superseded:
        if past.schedule is not None and cursor < past.until:
            yield past.schedule, cursor, past.until
        cursor = max(cursor, past.until)
    if definition.enabled:
        yield definition.schedule, _start_of_present(definition), horizon


def _schedule_of(definition: PlannableDefinition, slot: datetime) -> Schedule:
    """The schedule in force at the instant of a slot."""
    ends = [past.until for past in definition.superseded]
    number = bisect_left(ends, slot)
    past = definition.superseded[number].schedule if number < len(ends) else None
    return past or definition.schedule


def _end(definition: PlannableDefinition, horizon: datetime) -> datetime:
    """The cursor once everything is covered."""
    start = _start_of_present(definition)
    return max(start, horizon) if definition.enabled else start


def _start_of_present(definition: PlannableDefinition) -> datetime:
    """From where on the present schedule counts (after a fail-over of the RDB its clock, and so
    an edit, may lie before what was superseded)."""
    start = definition.edited_at or definition.planned_until
    return max([start, *(past.until for past in definition.superseded)])


def _move(
    definition: PlannableDefinition, reached: datetime, slots: tuple[PlannedSlot, ...]
) -> DefinitionPlan:
    owes = bool(definition.superseded) and reached < _start_of_present(definition)
    return DefinitionPlan(
        definition_id=definition.definition_id,
        revision=definition.revision,
        planned_until_old=definition.planned_until,
        planned_until_new=reached,
        next_fire_at=reached if owes else _next_slot(definition, reached),
        slots=slots,
        replaces_after=replaces_after(definition),
        keeps_edit=owes,
    )


def _next_slot(definition: PlannableDefinition, reached: datetime) -> datetime | None:
    return definition.schedule.next_after(reached) if definition.enabled else None


def replaces_after(definition: PlannableDefinition) -> datetime | None:
    """From when on the plan of an edit replaces rows (see ``DefinitionPlan``); None: no edit."""
    if definition.edited_at is None or not definition.superseded:
        return definition.edited_at
    return min(definition.planned_until, definition.edited_at)


def _on_time_row(definition: PlannableDefinition, slot: datetime) -> PlannedSlot:
    schedule = _schedule_of(definition, slot)
    if schedule.is_closed(slot):
        return _closed_row(definition, [slot])
    return PlannedSlot(slot_key(slot), slot, slot, RunState.PENDING, detail=schedule.note(slot))


def _missed_rows(
    definition: PlannableDefinition,
    missed: list[datetime],
    now: datetime,
    limits: PlanLimits,
    newer: int = 0,
) -> list[PlannedSlot]:
    """The rows of missed slots, in order. ``newer``: so many missed slots that may run follow."""
    closed = {slot for slot in missed if _schedule_of(definition, slot).is_closed(slot)}
    open_slots = [slot for slot in missed if slot not in closed]
    own = max(limits.missed_rows - newer, 0)
    first_own = len(open_slots) - own
    begin = bisect_left(missed, open_slots[first_own]) if 0 < first_own < len(open_slots) else 0
    if own == 0:
        begin = len(missed)
    newest = missed[begin:]
    rows = [
        *_shared_rows(definition, missed[:begin], now),
        *_closed_rows(definition, [slot for slot in newest if slot in closed], newest, limits),
        *_policy_rows(definition, [s for s in newest if s not in closed], now, newer),
    ]
    return sorted(rows, key=lambda row: row.scheduled_for)


def _policy_rows(
    definition: PlannableDefinition, newest: list[datetime], now: datetime, newer: int
) -> Iterator[PlannedSlot]:
    policy = definition.misfire_policy if definition.enabled else MisfirePolicy.SKIP
    first_to_run = {
        MisfirePolicy.SKIP: len(newest),
        MisfirePolicy.RUN_ONCE: len(newest) if newer else max(len(newest) - 1, 0),
        MisfirePolicy.RUN_ALL: 0,
    }[policy]
    for slot in newest[:first_to_run]:
        yield _skipped_row(definition, [slot], now)
    for slot in newest[first_to_run:]:
        detail = _schedule_of(definition, slot).note(slot)
        yield PlannedSlot(slot_key(slot), slot, now, RunState.PENDING, detail=detail)


def _closed_rows(
    definition: PlannableDefinition,
    closed: list[datetime],
    among: list[datetime],
    limits: PlanLimits,
) -> Iterator[PlannedSlot]:
    """SKIPPED rows for slots on days off; where they are many, one for each stretch without a slot
    that may run or has its own row, and none that spans an edit."""
    if len(closed) <= limits.missed_rows:
        yield from (_closed_row(definition, [slot]) for slot in closed)
        return
    ends, kept = [past.until for past in definition.superseded], sorted(definition.kept)
    known = set(closed)

    def stretch(slot: datetime) -> tuple[bool, int, int, bool]:
        place = bisect_left(kept, slot)
        return slot in known, bisect_left(ends, slot), place, slot in definition.kept

    for (is_closed, *_place), own in groupby(among, key=stretch):
        if is_closed:
            yield _closed_row(definition, list(own))


def _closed_row(definition: PlannableDefinition, slots: list[datetime]) -> PlannedSlot:
    """One SKIPPED row over these slots, which the calendar skips."""
    first = _schedule_of(definition, slots[0]).note(slots[0])
    last = _schedule_of(definition, slots[-1]).note(slots[-1])
    return PlannedSlot(
        slot_key=slot_key(slots[0]),
        scheduled_for=slots[0],
        due_at=slots[0],
        state=RunState.SKIPPED,
        reason=Reason.CALENDAR,
        detail=first if first == last else f"{first}, up to {last}",
        scheduled_until=slots[-1] if len(slots) > 1 else None,
        slot_count=len(slots),
    )


def _shared_rows(
    definition: PlannableDefinition, slots: list[datetime], now: datetime
) -> Iterator[PlannedSlot]:
    """One SKIPPED row for the slots of each schedule: no row spans an edit, nor a slot that has
    its own row."""
    ends, kept = [past.until for past in definition.superseded], sorted(definition.kept)

    def stretch(slot: datetime) -> tuple[int, int]:
        return bisect_left(ends, slot), bisect_left(kept, slot)

    for _stretch, own in groupby(slots, key=stretch):
        fresh = [slot for slot in own if slot not in definition.kept]
        if fresh:
            yield _skipped_row(definition, fresh, now)
    yield from (_on_time_row(definition, slot) for slot in slots if slot in definition.kept)


def _skipped_row(
    definition: PlannableDefinition, slots: list[datetime], now: datetime
) -> PlannedSlot:
    """One SKIPPED row over these missed slots."""
    coalesced = definition.enabled and definition.misfire_policy is MisfirePolicy.RUN_ONCE
    why = f"policy {definition.misfire_policy}" if definition.enabled else "the job is now off"
    late = (now - slots[-1]).total_seconds()
    return PlannedSlot(
        slot_key=slot_key(slots[0]),
        scheduled_for=slots[0],
        due_at=slots[0],
        state=RunState.SKIPPED,
        reason=Reason.MISFIRE_COALESCED if coalesced else Reason.MISFIRE_SKIPPED,
        detail=f"nobody planned it for {late:.0f} s; {why}",
        scheduled_until=slots[-1] if len(slots) > 1 else None,
        slot_count=len(slots),
    )


def _cover_a_stretch(
    definition: PlannableDefinition, missed: list[datetime], now: datetime, limits: PlanLimits
) -> DefinitionPlan:
    """There are more missed slots than one look shows. The last ones seen are left to the next
    tick: only it can know which are the newest."""
    covered = missed[: -limits.missed_rows]
    newer = _newer_runs(definition, covered[-1], now, limits.missed_rows)
    rows = (
        list(_shared_rows(definition, covered, now))
        if newer == limits.missed_rows
        # What follows is off for so long that the newest slots that may run are among these.
        else _missed_rows(definition, covered, now, limits, newer)
    )
    return _move(definition, covered[-1], tuple(rows))


def _newer_runs(definition: PlannableDefinition, after: datetime, now: datetime, limit: int) -> int:
    """How many missed slots that may run lie after an instant: ``limit`` at most."""
    late_from = now - timedelta(seconds=definition.skip_late_after_seconds, microseconds=1)
    found = 0
    for schedule, start, end in _spans(definition, late_from):
        found += len(schedule.runs_between(max(start, after), end, limit - found))
    return found
