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
``scheduled_until`` (both inclusive) with their ``slot_count``, under every policy. After a stop
so long that even counting takes time, each tick covers a bounded stretch with such a row;
``next_fire_at`` then lies in the past, so that the next tick follows at once.

**Ahead**: slots up to ``horizon`` (now + SCHEDULER_ASSIGN_AHEAD_SECONDS) are planned before they
are due. **An edit** (``edited_at``) moves the cursor to the edit's own time, forwards or
backwards: planned rows after it that have not started are deleted unless the new schedule has
their slot too, and slots before it are never created. **Disabled** definitions have no slots.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from scheduler.domain.runs import TIMED
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

    ``slots`` are in order of time. A row that exists already (kept over an edit) stays as it is:
    insert with ON CONFLICT (definition, slot_key, attempt) DO NOTHING. After an edit,
    ``replaces_after`` is its time: timed rows (``t:``) not started, first attempts, with
    ``scheduled_for > replaces_after`` whose slot_key is not among ``slots`` are deleted first.
    """

    definition_id: int
    revision: int
    planned_until_old: datetime
    planned_until_new: datetime
    next_fire_at: datetime | None
    slots: tuple[PlannedSlot, ...] = ()
    replaces_after: datetime | None = None

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
    return TIMED + instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plan_one(
    definition: PlannableDefinition, now: datetime, horizon: datetime, limits: PlanLimits
) -> DefinitionPlan:
    cursor = definition.edited_at or definition.planned_until
    if not definition.enabled:
        return _move(definition, cursor, None, ())
    found = definition.schedule.between(cursor, horizon, limits.scan)
    late_from = now - timedelta(seconds=definition.skip_late_after_seconds)
    missed = [slot for slot in found if slot < late_from]
    on_time = found[len(missed) :]
    if len(found) == limits.scan and not on_time:
        return _cover_a_stretch(definition, missed, now, limits)
    planned = on_time[: limits.rows]
    rows = _missed_rows(definition, missed, now, limits) + [_on_time_row(s) for s in planned]
    everything = len(found) < limits.scan and len(planned) == len(on_time)
    reached = max(cursor, horizon) if everything else planned[-1]
    return _move(definition, reached, definition.schedule.next_after(reached), tuple(rows))


def _move(
    definition: PlannableDefinition,
    reached: datetime,
    next_fire_at: datetime | None,
    slots: tuple[PlannedSlot, ...],
) -> DefinitionPlan:
    return DefinitionPlan(
        definition_id=definition.definition_id,
        revision=definition.revision,
        planned_until_old=definition.planned_until,
        planned_until_new=reached,
        next_fire_at=next_fire_at,
        slots=slots,
        replaces_after=definition.edited_at,
    )


def _on_time_row(slot: datetime) -> PlannedSlot:
    return PlannedSlot(slot_key(slot), slot, slot, RunState.PENDING)


def _missed_rows(
    definition: PlannableDefinition, missed: list[datetime], now: datetime, limits: PlanLimits
) -> list[PlannedSlot]:
    older, newest = missed[: -limits.missed_rows], missed[-limits.missed_rows :]
    first_to_run = {
        MisfirePolicy.SKIP: len(newest),
        MisfirePolicy.RUN_ONCE: max(len(newest) - 1, 0),
        MisfirePolicy.RUN_ALL: 0,
    }[definition.misfire_policy]
    return [
        *([_skipped_row(definition, older, now)] if older else []),
        *(_skipped_row(definition, [slot], now) for slot in newest[:first_to_run]),
        *(PlannedSlot(slot_key(s), s, now, RunState.PENDING) for s in newest[first_to_run:]),
    ]


def _skipped_row(
    definition: PlannableDefinition, slots: list[datetime], now: datetime
) -> PlannedSlot:
    """One SKIPPED row over these missed slots."""
    coalesced = definition.misfire_policy is MisfirePolicy.RUN_ONCE
    late = (now - slots[-1]).total_seconds()
    return PlannedSlot(
        slot_key=slot_key(slots[0]),
        scheduled_for=slots[0],
        due_at=slots[0],
        state=RunState.SKIPPED,
        reason=Reason.MISFIRE_COALESCED if coalesced else Reason.MISFIRE_SKIPPED,
        detail=f"nobody planned it for {late:.0f} s; policy {definition.misfire_policy}",
        scheduled_until=slots[-1] if len(slots) > 1 else None,
        slot_count=len(slots),
    )


def _cover_a_stretch(
    definition: PlannableDefinition, missed: list[datetime], now: datetime, limits: PlanLimits
) -> DefinitionPlan:
    """There are more missed slots than one look shows. The last ones seen are left to the next
    tick: only it can know which are the newest."""
    covered, left = missed[: -limits.missed_rows], missed[-limits.missed_rows :]
    row = _skipped_row(definition, covered, now)
    return _move(definition, covered[-1], left[0], (row,))
