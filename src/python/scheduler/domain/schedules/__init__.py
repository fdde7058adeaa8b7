"""When a job is due: every schedule form, with a time zone and bounds, as instants in UTC.

The promise: :meth:`Schedule.next_after` is strictly later than its argument; and
:meth:`Schedule.between` gives exactly what repeated ``next_after`` gives, whatever the instants
at which it is asked. So a planner that keeps one cursor loses no slot and doubles none.

A schedule is parsed from a JSON spec (``spec`` lists the forms) and turns back into it. The rule
for days on which the clock is changed is one for all wall-clock forms; ``walltime`` tells it and
:meth:`Schedule.clock_change_rule` says it to people. A business calendar may skip or move slots;
``business`` tells how.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules import wording
from scheduler.domain.schedules.business import (
    CalendarUse,
    Occurrence,
    check_use,
    day_start,
    local_day,
    occurrences,
)
from scheduler.domain.schedules.forms import BusinessDay, Cron, Form
from scheduler.domain.schedules.spec import KINDS, parse_form, parse_zone, with_anchor

__all__ = [
    "KINDS",
    "CalendarUse",
    "Occurrence",
    "Schedule",
    "Window",
    "local_day",
    "parse_schedule",
    "parse_zone",
    "with_anchor",
]

PAST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """The bounds of a schedule, both inclusive, aware; None: unbounded on that side."""

    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A form in a time zone within a window, on a calendar. Made by :func:`parse_schedule`."""

    form: Form
    zone: ZoneInfo
    window: Window = Window()
    use: CalendarUse | None = None

    def next_after(self, instant: datetime) -> datetime | None:
        """The first slot strictly after ``instant`` (aware); None when there is no more."""
        return next(self.slots_after(instant), None)

    def between(self, start: datetime, end: datetime, limit: int) -> list[datetime]:
        """The slots with ``start < slot <= end``, in order, the first ``limit`` of them."""
        return list(islice(takewhile(lambda slot: slot <= end, self.slots_after(start)), limit))

    def slots_after(self, instant: datetime) -> Iterator[datetime]:
        """All slots strictly after ``instant``, in order, each once, as aware UTC: those that a
        calendar skips too."""
        return (each.at for each in self.occurrences_after(instant))

    def occurrences_after(self, instant: datetime) -> Iterator[Occurrence]:
        """The slots of ``slots_after``, each with what the calendar has to do with it."""
        opens, closes = self.window.not_before, self.window.not_after
        if opens is not None:
            instant = max(instant, opens - timedelta.resolution)
        found = self._unbounded(instant)
        return found if closes is None else takewhile(lambda each: each.at <= closes, found)

    def runs_between(self, start: datetime, end: datetime, limit: int) -> list[datetime]:
        """As ``between``, without the slots that the calendar skips: closed days are stepped over,
        so that a long closure costs no more than a short one."""
        found: list[datetime] = []
        while len(found) < limit:
            following = next(self.occurrences_after(start), None)
            if following is None or following.at > end:
                break
            start = following.at
            if not following.closed:
                found.append(start)
            elif self.use is not None:
                worked = self.use.calendar.on_or_after(following.day)
                start = max(start, day_start(worked, self.zone) - timedelta.resolution)
        return found

    def is_closed(self, slot: datetime) -> bool:
        """Whether the calendar skips this slot."""
        if self.use is None or self.use.moves or isinstance(self.form, BusinessDay):
            return False
        return not self.use.calendar.is_business_day(local_day(slot, self.zone))

    def note(self, slot: datetime, lang: str = "en") -> str:
        """What the calendar did to this slot, in one sentence; empty for nothing."""
        if self.use is None or not (self.use.moves or self.is_closed(slot)):
            return ""
        found = next(self.occurrences_after(slot - timedelta.resolution), None)
        return "" if found is None else wording.calendar_note(found, self.use, lang)

    def _unbounded(self, instant: datetime) -> Iterator[Occurrence]:
        if self.use is not None:
            return occurrences(self.form, self.zone, self.use, instant)
        instants = self.form.instants(self.zone, instant)
        return (Occurrence(each, local_day(each, self.zone)) for each in instants)

    def describe(self, lang: str = "en") -> str:
        """When it runs, in words, with the zone; ``lang`` "ja" is Japanese, else English."""
        words = wording.describe(self.form, self.zone, lang)
        words += wording.on_calendar(self.form, self.use, lang)
        if wording.is_japanese(lang):
            return f"{words}（{self.zone.key}）{self._bounds(lang)}"
        return f"{words} ({self.zone.key}){self._bounds(lang)}"

    def clock_change_rule(self, lang: str = "en") -> str:
        """One sentence on what it does when the clock is changed (daylight saving time)."""
        return wording.rule_in_words(self.form, lang)

    def to_spec(self) -> dict[str, Any]:
        """The JSON spec of the form; the zone and the window are kept beside it."""
        return self.form.to_spec()

    def _bounds(self, lang: str) -> str:
        opens, closes = self.window.not_before, self.window.not_after
        start = wording.moment(opens, self.zone, lang) if opens else None
        end = wording.moment(closes, self.zone, lang) if closes else None
        if wording.is_japanese(lang):
            return f"、{start or ''}〜{end or ''}" if start or end else ""
        return (f", from {start}" if start else "") + (f", until {end}" if end else "")


def parse_schedule(
    spec: Mapping[str, Any],
    timezone: str = "UTC",
    window: Window | None = None,
    use: CalendarUse | None = None,
) -> Schedule:
    """The schedule that a spec, an IANA zone, bounds and a calendar with its rule mean.

    Raises InvalidSchedule with the field, its value and what is allowed: also for a schedule
    that can never fire at all (``0 0 30 2 *``) and for a window that ends before it begins.
    """
    window = window or Window()
    schedule = Schedule(parse_form(spec), parse_zone(timezone), window, use)
    _check_window(window)
    check_use(schedule.form, use)
    if isinstance(schedule.form, BusinessDay) and _never_fires(schedule):
        raise InvalidSchedule("nth", schedule.form.nth, "as many business days as a month can have")
    if isinstance(schedule.form, Cron) and _never_fires(schedule):
        raise InvalidSchedule("expression", spec["expression"], "a time that exists in some year")
    return schedule


def _never_fires(schedule: Schedule) -> bool:
    return next(replace(schedule, window=Window()).slots_after(PAST), None) is None


def _check_window(window: Window) -> None:
    opens, closes = window.not_before, window.not_after
    for field, bound in (("start_at", opens), ("end_at", closes)):
        if bound is not None and bound.tzinfo is None:
            raise InvalidSchedule(field, bound.isoformat(), "an instant with its UTC offset")
    if opens is not None and closes is not None and closes < opens:
        raise InvalidSchedule("end_at", closes.isoformat(), f"{opens.isoformat()} or later")
