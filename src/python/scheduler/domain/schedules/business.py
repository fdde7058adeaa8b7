"""Slots under a business calendar: skipped, moved, or counted by business days.

One rule for each question that could have two answers:

- **The day of a slot** is its date on the wall clock of the schedule's zone.
- ``only``: every slot stays; one on a day that is not worked does not run, and says why
  (:attr:`Occurrence.closed`). So it has its row like every other.
- ``next`` / ``previous``: a slot named for a day that is not worked happens on the next (or the
  last) business day at the **same wall time**. The clock changes of the day it lands on count
  (``walltime``), not those of the day it left. What falls on one instant is one slot.
- A shift is a part of the schedule: the set of moved slots is fixed, whatever the instant at which
  it is asked for. So a slot moved *earlier* is found by whoever asks before it, although the day
  it was named for is still to come; and one whose moved instant is past is past.
- The window's bounds, and the instant of an edit, are compared with the moved instant.
- Only fixed times of day can be moved. A schedule that follows the clock (``hourly``) or counts
  seconds (``interval``) has no time to be kept on another day; its rule is ``only``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import BusinessCalendar, CalendarRule
from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules.forms import BusinessDay, Form, Interval, Once
from scheduler.domain.schedules.walltime import resolve

SECOND = timedelta(seconds=1)
Walls = Callable[[datetime], Iterator[datetime]]
"""Naive wall times strictly after a naive wall time, in order."""


@dataclass(frozen=True, slots=True)
class CalendarUse:
    """The calendar of a schedule, and what becomes of slots on days that are not worked."""

    calendar: BusinessCalendar
    rule: CalendarRule = CalendarRule.ONLY

    @property
    def moves(self) -> bool:
        return self.rule is not CalendarRule.ONLY


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A slot and what a calendar has to do with it. ``at`` is aware UTC."""

    at: datetime
    day: date
    """The day on which it happens, in the schedule's zone."""
    closed: bool = False
    """It does not run: ``day`` is not worked."""
    moved_from: date | None = None
    """The day it was named for, when that is another one."""


def check_use(form: Form, use: CalendarUse | None) -> None:
    """Raises InvalidSchedule for a form that lacks its calendar or cannot be moved."""
    if use is None:
        if isinstance(form, BusinessDay):
            allowed = f"the name of a calendar: kind {form.kind} counts its business days"
            raise InvalidSchedule("calendar", None, allowed)
        return
    if use.moves and not _names_times(form):
        why = "counts seconds" if isinstance(form, Interval) else "follows the clock"
        allowed = f"only: a schedule that {why} has no time of day that could be moved"
        raise InvalidSchedule("calendar_rule", use.rule.value, allowed)


def occurrences(
    form: Form, zone: ZoneInfo, use: CalendarUse, after: datetime
) -> Iterator[Occurrence]:
    """The slots strictly after ``after`` (aware), in order, each instant once."""
    try:
        if isinstance(form, BusinessDay):
            yield from _counted(form, zone, use, after)
        elif not use.moves:
            yield from _judged(form, zone, use.calendar, after)
        elif isinstance(form, Once):
            yield from _one(form, zone, use, after)
        else:
            yield from _moved(form, zone, use, after)
    except OverflowError:  # The calendar ends with the year 9999.
        return


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day, aware UTC."""
    return resolve(datetime.combine(day, time()), zone)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def _names_times(form: Form) -> bool:
    return isinstance(form, Once | BusinessDay) or getattr(form, "running", True) is False


def _counted(
    form: BusinessDay, zone: ZoneInfo, use: CalendarUse, after: datetime
) -> Iterator[Occurrence]:
    start = after.astimezone(UTC).replace(microsecond=0)
    for wall in form.walls(use.calendar, _wall(start, zone)):
        instant = resolve(wall, zone)
        if instant > start:
            yield Occurrence(instant, wall.date())


def _judged(
    form: Form, zone: ZoneInfo, calendar: BusinessCalendar, after: datetime
) -> Iterator[Occurrence]:
    for instant in form.instants(zone, after):
        day = local_day(instant, zone)
        yield Occurrence(instant, day, closed=not calendar.is_business_day(day))


def _one(form: Once, zone: ZoneInfo, use: CalendarUse, after: datetime) -> Iterator[Occurrence]:
    instant = form.instant(zone)
    named = local_day(instant, zone)
    day = use.calendar.target(named, use.rule)
    if day != named:
        clock = instant.astimezone(zone).time()
        instant = resolve(datetime.combine(day, clock.replace(tzinfo=None, fold=0)), zone)
    if instant > after:
        yield Occurrence(instant, day, moved_from=None if day == named else named)


def _moved(form: Form, zone: ZoneInfo, use: CalendarUse, after: datetime) -> Iterator[Occurrence]:
    start = last = after.astimezone(UTC).replace(microsecond=0)
    for wall, named in _moved_walls(form.walls, use, _wall(start, zone)):  # type: ignore[attr-defined]
        instant = resolve(wall, zone)
        if instant > last:
            last = instant
            moved_from = None if named == wall.date() else named
            yield Occurrence(instant, wall.date(), moved_from=moved_from)


def _moved_walls(
    walls: Walls, use: CalendarUse, after: datetime
) -> Iterator[tuple[datetime, date]]:
    """Wall times after a wall time, moved and in order, each with the day it was named for.

    Days follow each other in blocks, each of one business day and the closed days that move to it:
    within a block the times of its days mix, from block to block they only rise.
    """
    day = use.calendar.target(after.date(), use.rule)
    while True:
        first, last = use.calendar.sources(day, use.rule)
        yield from _of_block(walls, day, first, last, after)
        following = next(walls(datetime.combine(last, time(23, 59, 59))), None)
        if following is None:
            return
        day = use.calendar.target(following.date(), use.rule)


def _of_block(
    walls: Walls, day: date, first: date, last: date, after: datetime
) -> Iterator[tuple[datetime, date]]:
    """The times of the days from ``first`` to ``last``, all of them on ``day``."""
    if day < after.date():
        return
    begin = after.time() if day == after.date() else None
    named = list(_days_named(walls, first, last))
    found = merge(
        *(_of_day(walls, day, each, begin) for each in named),
        # What needed no move comes first, and stands for the others of its time.
        key=lambda pair: (pair[0], pair[1] != day),
    )
    seen: datetime | None = None
    for wall, each in found:
        if wall != seen:
            seen = wall
            yield wall, each


def _days_named(walls: Walls, first: date, last: date) -> Iterator[date]:
    """The days from ``first`` to ``last`` that have a time at all."""
    before = datetime.combine(first, time()) - SECOND
    while (wall := next(walls(before), None)) is not None and wall.date() <= last:
        yield wall.date()
        before = datetime.combine(wall.date(), time(23, 59, 59))


def _of_day(
    walls: Walls, day: date, named: date, begin: time | None
) -> Iterator[tuple[datetime, date]]:
    """The times of the day ``named``, on ``day``; those later than ``begin`` where it is given."""
    midnight = datetime.combine(named, time())
    after = midnight - SECOND if begin is None else datetime.combine(named, begin)
    for wall in walls(after):
        if wall.date() != named:
            return
        yield datetime.combine(day, wall.time()), named


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
