"""Wall-clock patterns in a time zone, under one rule for the days on which the clock is changed.

A pattern is a cron expression with six fields (second first). ``cronsim`` finds the wall times
that it names, on a calendar without time zones; this module says which instants those are. The
rule is Debian cron's, and every wall-clock form obeys it:

- A **fixed** time (neither the minute nor the hour field begins with ``*``) happens exactly once
  per day it names. Spring skips it: it happens at the first instant after the gap. Autumn shows
  it twice: it happens the first time. Two times that fall into one gap are one slot.
- A **running** pattern (the minute or the hour field begins with ``*``) happens whenever the
  clock shows a time it names: not in the gap, and twice where the clock shows a time twice.

``cronsim`` has this rule for five fields; here it also holds for six, and a running pattern is
searched one stretch of constant UTC offset at a time, so that the answer never depends on where
the search began (with clocks changed by 30 minutes, as on Lord Howe Island, cronsim's own
iteration in a zone can step over a slot).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
LONGEST_WAIT = 50 * 366 * DAY


def instants(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The instants of a valid six-field expression, strictly after ``after``, in order, each once.

    ``after`` is aware; the results are aware UTC on whole seconds. Ends when
    nothing matches for 50 years (cronsim's own limit too), or with the year 9999.
    """
    start = after.astimezone(UTC).replace(microsecond=0)
    search = _running if is_running(expression) else _fixed
    try:
        yield from search(expression, zone, start)
    except OverflowError:  # The calendar ends with the year 9999.
        return


def is_running(expression: str) -> bool:
    """Whether the pattern follows the clock (True) or names fixed times of day (False)."""
    _second, minute, hour = islice(expression.split(), 3)
    return minute.startswith("*") or hour.startswith("*")


def resolve(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant (aware UTC) of a fixed wall time (naive): the first of two, or after the gap."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    before_the_gap = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _offset_change(zone, before_the_gap, instant)


def _fixed(expression: str, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    last = start
    for wall in wall_times(expression, _wall(start, zone)):
        instant = resolve(wall, zone)
        if instant > last:
            yield instant
            last = instant


def _running(expression: str, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """Search with the offset of ``start`` up to the next change of it, and again from there."""
    last, begin = start, start + SECOND
    while begin - last < LONGEST_WAIT:
        offset, seen = _offset(zone, begin), begin
        for wall in wall_times(expression, (begin + offset - SECOND).replace(tzinfo=None)):
            candidate = (wall - offset).replace(tzinfo=UTC)
            change = _next_change(zone, seen, candidate)
            if change is not None:
                break
            yield candidate
            last = seen = candidate
        else:
            return
        begin = change


def _next_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """The first instant in (start, end] with another offset than ``start``'s; None if there is
    none. Looks once a day: no zone changes its clock and changes it back within one."""
    offset = _offset(zone, start)
    while start < end:
        step = min(start + DAY, end)
        if _offset(zone, step) != offset:
            return _offset_change(zone, start, step)
        start = step
    return None


def _offset_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole second in (before, after] that no longer has ``before``'s offset."""
    offset = _offset(zone, before)
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def wall_times(expression: str, after: datetime) -> Iterator[datetime]:
    """The naive times that the expression names, strictly after a naive time."""
    return CronSim(expression, after)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
