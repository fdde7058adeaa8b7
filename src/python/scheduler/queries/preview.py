"""What a schedule will do: its next fire times, and a whole year day by day.

Both work for a job as it is saved and for fields that nobody has saved yet, so that a form, the
API and a command show the same before and after.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from scheduler.domain.calendars import BusinessCalendar, CalendarRule, Closing, days_between
from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules import (
    CalendarUse,
    Occurrence,
    Schedule,
    Window,
    parse_schedule,
    with_anchor,
)
from scheduler.domain.schedules.business import day_start
from scheduler.store.calendars import find_calendar
from scheduler.store.jobs import find_job

COUNT_AT_MOST = 1000
TIMES_PER_DAY = 24
"""A day's times are listed up to here; of more, only that there are more is said."""


@dataclass(frozen=True, slots=True)
class FireTime:
    """One slot. ``at`` is UTC, ``local`` the same in the schedule's zone; ``note`` is a sentence
    where a calendar skips (``runs`` is False) or moved it, else empty."""

    at: datetime
    local: datetime
    runs: bool
    moved_from: date | None
    note: str


@dataclass(frozen=True, slots=True)
class DayOfPreview:
    """One day in the schedule's zone. Times are ``HH:MM:SS`` of the wall clock; ``more``: there are
    more of them than are listed."""

    day: date
    closing: Closing | None
    extra_work: str | None
    """The note of a day that is worked by exception; None on others."""
    runs: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    moved_in: tuple[tuple[str, date], ...] = ()
    """Those of ``runs`` that were moved here, with the day they were named for."""
    moved_to: date | None = None
    """Where the times named for this day went, if the calendar moved any."""
    more: bool = False


def preview(
    schedule: Mapping[str, Any],
    timezone: str = "UTC",
    calendar: str = "",
    rule: str = CalendarRule.ONLY,
    window: Window | None = None,
    *,
    after: datetime,
    count: int = 10,
    lang: str = "en",
) -> list[FireTime]:
    """The next ``count`` (1 to 1,000) slots strictly after ``after`` (aware), those that the
    calendar skips too, each with what the calendar did to it.

    ``calendar`` is a name, empty for none; an interval without an anchor counts from ``after``.
    Raises InvalidSchedule, CalendarNotFound, InvalidCalendar.
    """
    use = calendar_use(calendar, rule)
    parsed = parse_schedule(with_anchor(schedule, after), timezone, window, use)
    return fire_times(parsed, after, count, lang)


def fire_times(schedule: Schedule, after: datetime, count: int, lang: str = "en") -> list[FireTime]:
    """As ``preview``, of a schedule as a value."""
    if not 1 <= count <= COUNT_AT_MOST:
        raise InvalidSchedule("count", count, f"a whole number from 1 to {COUNT_AT_MOST:,}")
    found = islice(schedule.occurrences_after(after), count)
    return [_fire_time(schedule, each, lang) for each in found]


def schedule_of(name: str) -> Schedule:
    """The schedule of a saved job. Raises JobNotFound, InvalidSchedule (also for a job that runs
    by hand only), CalendarNotFound, InvalidCalendar."""
    schedule = find_job(name).parsed_schedule()
    if schedule is None:
        raise InvalidSchedule("schedule", None, f"a schedule; job {name!r} runs by hand only")
    return schedule


def calendar_use(name: str, rule: str = CalendarRule.ONLY) -> CalendarUse | None:
    """A calendar by name, with its rule; None for an empty name. Raises CalendarNotFound,
    InvalidCalendar, and InvalidSchedule for a rule that does not exist."""
    if rule not in CalendarRule:
        raise InvalidSchedule("calendar_rule", rule, ", ".join(CalendarRule))
    if not name:
        return None
    return CalendarUse(find_calendar(name).business_calendar(), CalendarRule(rule))


def year_of(schedule: Schedule, year: int) -> list[DayOfPreview]:
    """Every day of a year. Raises InvalidSchedule for a year no calendar has."""
    _check_year(year)
    days = days_between(date(year, 1, 1), date(year, 12, 31))
    return [_day(schedule, day) for day in days]


def days_of(calendar: BusinessCalendar, year: int) -> list[DayOfPreview]:
    """Every day of a year by a calendar alone, without a schedule."""
    _check_year(year)
    return [
        DayOfPreview(day, calendar.closing(day), _extra_work(calendar, day))
        for day in days_between(date(year, 1, 1), date(year, 12, 31))
    ]


def _check_year(year: int) -> None:
    if not 1970 <= year <= 9998:
        raise InvalidSchedule("year", year, "a year from 1970 to 9998")


def _fire_time(schedule: Schedule, found: Occurrence, lang: str) -> FireTime:
    return FireTime(
        at=found.at,
        local=found.at.astimezone(schedule.zone),
        runs=not found.closed,
        moved_from=found.moved_from,
        note=schedule.note(found.at, lang) if found.closed or found.moved_from else "",
    )


def _day(schedule: Schedule, day: date) -> DayOfPreview:
    found = list(islice(_on(schedule, day), TIMES_PER_DAY + 1))
    calendar = schedule.use.calendar if schedule.use else None
    listed = found[:TIMES_PER_DAY]
    return DayOfPreview(
        day=day,
        closing=calendar.closing(day) if calendar else None,
        extra_work=_extra_work(calendar, day) if calendar else None,
        runs=tuple(_clock(schedule, each) for each in listed if not each.closed),
        skipped=tuple(_clock(schedule, each) for each in listed if each.closed),
        moved_in=tuple(
            (_clock(schedule, each), each.moved_from) for each in listed if each.moved_from
        ),
        moved_to=_moved_to(schedule, day),
        more=len(found) > TIMES_PER_DAY,
    )


def _on(schedule: Schedule, day: date) -> Iterator[Occurrence]:
    start = day_start(day, schedule.zone) - timedelta.resolution
    end = day_start(day + timedelta(days=1), schedule.zone)
    return takewhile(lambda each: each.at < end, schedule.occurrences_after(start))


def _moved_to(schedule: Schedule, day: date) -> date | None:
    use = schedule.use
    if use is None or not use.moves or use.calendar.is_business_day(day):
        return None
    if schedule.form.kind == "business_day":
        return None
    unmoved = Schedule(schedule.form, schedule.zone)
    named = next(_on(unmoved, day), None)
    return None if named is None else use.calendar.target(day, use.rule)


def _extra_work(calendar: BusinessCalendar, day: date) -> str | None:
    own = calendar.days.get(day)
    return own.note if own is not None and own.is_open else None


def _clock(schedule: Schedule, found: Occurrence) -> str:
    return found.at.astimezone(schedule.zone).strftime("%H:%M:%S")
