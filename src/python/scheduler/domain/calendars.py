"""Business calendars: which days are worked, and why the others are not.

A :class:`BusinessCalendar` is a pure value over local dates; it knows no time zone and no clock.
A day is judged by the first of these that speaks of it:

1. a **working day** named for itself (a Saturday made up for): worked, whatever else it is;
2. a **day off** named for itself (the company's own closing days): not worked;
3. a **public holiday**: not worked;
4. a **weekly day off**: not worked;
5. otherwise it is worked.

The public holidays are part of the value: where they come from is an adapter's matter
(``scheduler.public_holidays``). Beyond ``holidays_until`` none is known, and only the other four
rules speak; :meth:`BusinessCalendar.knows` tells.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from scheduler.domain.errors import InvalidCalendar

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAY_NAMES = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "ja": ("月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"),
}
WEEKEND = ("sat", "sun")
READY_MADE = {"jp": "JP"}
"""Calendars that are made when a job first names them: the name, and the country of the public
holidays; their weekly days off are Saturday and Sunday."""

DAYS_AT_MOST = 5000
LONGEST_NOTE = 200
LONGEST_NAME = 100
DAY = timedelta(days=1)


class CalendarRule(StrEnum):
    """What becomes of a slot on a day that is not worked."""

    ONLY = "only"
    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day named for itself: worked (``is_open``) or off, with a note for people."""

    is_open: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """Why a day is not worked. ``kind``: "off", "holiday" or "weekly"; ``name`` is the note of the
    company or the holiday's name, empty for a weekly day off."""

    day: date
    kind: str
    name: str

    def words(self, lang: str = "en") -> str:
        """``みどりの日``, ``a company day off: 年末休業``, ``a Saturday``."""
        japanese = lang == "ja"
        if self.kind == "holiday":
            return self.name
        if self.kind == "weekly":
            weekday = WEEKDAY_NAMES["ja" if japanese else "en"][self.day.weekday()]
            return weekday if japanese else f"a {weekday}"
        kind = "会社の休業日" if japanese else "a company day off"
        if not self.name:
            return kind
        return f"{kind}：{self.name}" if japanese else f"{kind}: {self.name}"


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """A calendar as a value. Made by :func:`parse_calendar`; weekdays count from Monday, 0."""

    name: str
    weekly_days_off: frozenset[int] = frozenset({5, 6})
    holidays: Mapping[date, str] = field(default_factory=dict, repr=False)
    days: Mapping[date, CalendarDay] = field(default_factory=dict, repr=False)
    holidays_from: int | None = None
    holidays_until: int | None = None
    """The first and last year whose public holidays are known; None: it has none at all."""

    def is_business_day(self, day: date) -> bool:
        own = self.days.get(day)
        if own is not None:
            return own.is_open
        return day not in self.holidays and day.weekday() not in self.weekly_days_off

    def closing(self, day: date) -> Closing | None:
        """Why ``day`` is not worked; None when it is."""
        own = self.days.get(day)
        if own is not None:
            return None if own.is_open else Closing(day, "off", own.note)
        if day in self.holidays:
            return Closing(day, "holiday", self.holidays[day])
        return Closing(day, "weekly", "") if day.weekday() in self.weekly_days_off else None

    def knows(self, year: int) -> bool:
        """Whether the public holidays of this year are known (or there are none to know)."""
        if self.holidays_from is None or self.holidays_until is None:
            return True
        return self.holidays_from <= year <= self.holidays_until

    def on_or_after(self, day: date) -> date:
        """``day`` if it is worked, else the next day that is."""
        while not self.is_business_day(day):
            day += DAY
        return day

    def on_or_before(self, day: date) -> date:
        """``day`` if it is worked, else the last day before that is."""
        while not self.is_business_day(day):
            day -= DAY
        return day

    def next_business_day(self, day: date) -> date:
        """The first business day later than ``day``."""
        return self.on_or_after(day + DAY)

    def previous_business_day(self, day: date) -> date:
        """The last business day earlier than ``day``."""
        return self.on_or_before(day - DAY)

    def nth_business_day(self, year: int, month: int, nth: int) -> date | None:
        """The nth business day of a month, 1 the first, -1 the last; None if it has not so many."""
        last = monthrange(year, month)[1]
        numbers = range(1, last + 1) if nth > 0 else range(last, 0, -1)
        left = abs(nth)
        for number in numbers:
            day = date(year, month, number)
            left -= self.is_business_day(day)
            if left == 0:
                return day
        return None

    def target(self, day: date, rule: CalendarRule) -> date:
        """The day to which ``rule`` (next or previous) moves what is named for ``day``."""
        return self.on_or_after(day) if rule is CalendarRule.NEXT else self.on_or_before(day)

    def sources(self, day: date, rule: CalendarRule) -> tuple[date, date]:
        """First and last of the days that ``rule`` moves to the business day ``day``, itself too:
        they follow each other without a gap."""
        if rule is CalendarRule.NEXT:
            return self.previous_business_day(day) + DAY, day
        return day, self.next_business_day(day) - DAY

    def around(self, first: date, last: date) -> "BusinessCalendar":
        """A calendar that judges every slot between two days as this one does, with no more days
        than that takes: the months around them, and the closed days at both ends."""
        start = self.previous_business_day(_month_start(first, -1))
        end = self.next_business_day(_month_start(last, 2))
        return BusinessCalendar(
            self.name,
            self.weekly_days_off,
            {day: name for day, name in self.holidays.items() if start <= day <= end},
            {day: own for day, own in self.days.items() if start <= day <= end},
        )

    def to_spec(self) -> dict[str, Any]:
        """JSON that :func:`parse_calendar` reads back to an equal calendar."""
        return {
            "name": self.name,
            "weekly_days_off": [WEEK[number] for number in sorted(self.weekly_days_off)],
            "holidays": {day.isoformat(): name for day, name in sorted(self.holidays.items())},
            "days": spell_days(self.days),
            "holidays_from": self.holidays_from,
            "holidays_until": self.holidays_until,
        }


PLAIN = BusinessCalendar("plain")
"""Monday to Friday, no holidays: stands in where only the form of a schedule is asked about."""


def parse_calendar(
    name: str,
    weekly_days_off: Any = WEEKEND,
    holidays: Any = None,
    days: Any = None,
    holidays_from: int | None = None,
    holidays_until: int | None = None,
) -> BusinessCalendar:
    """The calendar that its JSON parts mean.

    ``weekly_days_off``: a list of names of ``WEEK``, of which at least one is left to work;
    ``holidays``: date to name; ``days``: date to ``{"open": bool, "note": text}``. Raises
    InvalidCalendar with the field, its value and what is allowed.
    """
    return BusinessCalendar(
        name,
        _weekdays(weekly_days_off),
        {_date("holidays", day): str(text) for day, text in _pairs("holidays", holidays)},
        {_date("days", day): _day(day, value) for day, value in _pairs("days", days)},
        holidays_from,
        holidays_until,
    )


def spell_days(days: Mapping[date, CalendarDay]) -> dict[str, Any]:
    """Days named for themselves as the JSON that is stored, in order of date."""
    return {
        day.isoformat(): {"open": own.is_open, "note": own.note}
        for day, own in sorted(days.items())
    }


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from ``first`` to ``last``, both included."""
    while first <= last:
        yield first
        first += DAY


def check_name(name: object) -> None:
    """Raises InvalidCalendar for a name that commands and job files could not carry."""
    allowed = f"letters, digits, '-', '_' and '.', at most {LONGEST_NAME}, a letter first"
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name[0].isalpha():
        raise InvalidCalendar("name", name, allowed)
    if not all(mark.isalnum() or mark in "-_." for mark in name):
        raise InvalidCalendar("name", name, allowed)


def _weekdays(names: Any) -> frozenset[int]:
    allowed = f"a list of names of {', '.join(WEEK)}, at most six"
    if not isinstance(names, list | tuple):
        raise InvalidCalendar("weekly_days_off", names, allowed)
    for each in names:
        if each not in WEEK:
            raise InvalidCalendar("weekly_days_off", each, allowed)
    found = frozenset(WEEK.index(each) for each in names)
    if len(found) == len(WEEK):
        raise InvalidCalendar("weekly_days_off", list(names), allowed)
    return found


def _pairs(field_name: str, value: Any) -> list[tuple[Any, Any]]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        raise InvalidCalendar(field_name, value, "an object whose names are dates")
    if field_name == "days" and len(value) > DAYS_AT_MOST:
        raise InvalidCalendar(field_name, f"{len(value)} days", f"at most {DAYS_AT_MOST:,} days")
    return list(value.items())


def _date(field_name: str, value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidCalendar(field_name, value, "a date such as 2026-12-29") from None


def _day(day: Any, value: Any) -> CalendarDay:
    allowed = f'{{"open": true or false, "note": text of at most {LONGEST_NOTE} characters}}'
    if not isinstance(value, Mapping) or set(value) - {"open", "note"}:
        raise InvalidCalendar(f"days[{day}]", value, allowed)
    is_open, note = value.get("open"), value.get("note", "")
    if not isinstance(is_open, bool) or not isinstance(note, str) or len(note) > LONGEST_NOTE:
        raise InvalidCalendar(f"days[{day}]", value, allowed)
    return CalendarDay(is_open, note)


def _month_start(day: date, months: int) -> date:
    """The first day of the month so many months later."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
