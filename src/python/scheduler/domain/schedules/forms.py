"""The forms a schedule may have, each a small value that knows its instants and its own spec.

Every form answers ``instants(zone, after)``: an iterator over aware UTC instants strictly after
``after``, in order, each once. Wall-clock forms are cron patterns under the rule of
``walltime``; ``once`` and ``interval`` are instants and know no zone (a one-off given as a wall
time is resolved by the same rule).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from heapq import merge
from typing import Any, ClassVar, Protocol
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import WEEK, BusinessCalendar
from scheduler.domain.schedules.walltime import instants, is_running, resolve, wall_times

DAYS = WEEK
WORKING_DAYS = DAYS[:5]
LAST = "last"
SKIP = "skip"
LONGEST_WAIT_MONTHS = 50 * 12
LAST_MONTH = 10_000 * 12


class Form(Protocol):
    """One way to say when."""

    kind: ClassVar[str]

    def instants(self, zone: ZoneInfo, after: datetime) -> Iterator[datetime]: ...

    def to_spec(self) -> dict[str, Any]:
        """The JSON spec that parses back to an equal form."""


class _Pattern:
    """A form that is one or more cron patterns with six fields, no two of which ever coincide."""

    def patterns(self) -> tuple[str, ...]:
        raise NotImplementedError

    def instants(self, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        return merge(*(instants(pattern, zone, after) for pattern in self.patterns()))

    def walls(self, after: datetime) -> Iterator[datetime]:
        """The wall times (naive) that the form names, strictly after a naive one, in order."""
        return merge(*(wall_times(pattern, after) for pattern in self.patterns()))

    @property
    def running(self) -> bool:
        """Whether the form follows the clock, in the sense of ``walltime``."""
        return is_running(self.patterns()[0])


@dataclass(frozen=True, slots=True)
class EveryMinutes(_Pattern):
    """At each minute of the hour that ``minutes`` (a divisor of 60) divides."""

    kind: ClassVar[str] = "every_minutes"
    minutes: int

    def patterns(self) -> tuple[str, ...]:
        return (f"0 */{self.minutes} * * * *" if self.minutes < 60 else "0 0 * * * *",)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "minutes": self.minutes}


@dataclass(frozen=True, slots=True)
class Hourly(_Pattern):
    """Each hour at this minute."""

    kind: ClassVar[str] = "hourly"
    minute: int

    def patterns(self) -> tuple[str, ...]:
        return (f"0 {self.minute} * * * *",)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "minute": self.minute}


@dataclass(frozen=True, slots=True)
class Daily(_Pattern):
    """Each day at this wall time."""

    kind: ClassVar[str] = "daily"
    at: time

    def patterns(self) -> tuple[str, ...]:
        return (f"{_clock(self.at)} * * *",)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "at": spell(self.at)}


@dataclass(frozen=True, slots=True)
class Weekdays(_Pattern):
    """On the chosen days of the week (names of DAYS, in that order) at this wall time."""

    kind: ClassVar[str] = "weekdays"
    days: tuple[str, ...]
    at: time

    def patterns(self) -> tuple[str, ...]:
        return (f"{_clock(self.at)} * * {','.join(self.days).upper()}",)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "days": list(self.days), "at": spell(self.at)}


@dataclass(frozen=True, slots=True)
class Weekly(_Pattern):
    """Once a week on this day at this wall time."""

    kind: ClassVar[str] = "weekly"
    day: str
    at: time

    def patterns(self) -> tuple[str, ...]:
        return (f"{_clock(self.at)} * * {self.day.upper()}",)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "day": self.day, "at": spell(self.at)}


@dataclass(frozen=True, slots=True)
class Monthly(_Pattern):
    """Once a month on day 1-31 or "last"; ``missing`` says what a month without that day does:
    "skip" has no slot in it, "last" has it on its last day."""

    kind: ClassVar[str] = "monthly"
    day: int | str
    at: time
    missing: str = SKIP

    def patterns(self) -> tuple[str, ...]:
        clock = _clock(self.at)
        if self.day == LAST or (self.day == 31 and self.missing == LAST):
            return (f"{clock} L * *",)
        if self.day in (29, 30) and self.missing == LAST:
            return (f"{clock} {self.day} 1,3-12 *", f"{clock} L 2 *")
        return (f"{clock} {self.day} * *",)

    def to_spec(self) -> dict[str, Any]:
        spec = {"kind": self.kind, "day": self.day, "at": spell(self.at)}
        return spec if self.day == LAST else {**spec, "missing": self.missing}


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """On the nth business day of each month, 1 the first and -1 the last, at this wall time; a
    month that has not so many has no slot. Its days are those of the schedule's calendar."""

    kind: ClassVar[str] = "business_day"
    nth: int
    at: time
    running: ClassVar[bool] = False

    def walls(self, calendar: BusinessCalendar, after: datetime) -> Iterator[datetime]:
        """The wall times (naive) strictly after a naive one, in order. Ends when no month has so
        many business days for 50 years."""
        month, misses = after.year * 12 + after.month - 1, 0
        while misses < LONGEST_WAIT_MONTHS and month < LAST_MONTH:
            day = calendar.nth_business_day(month // 12, month % 12 + 1, self.nth)
            misses = misses + 1 if day is None else 0
            if day is not None and (wall := datetime.combine(day, self.at)) > after:
                yield wall
            month += 1

    def instants(self, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        """Never asked without a calendar: ``parse_schedule`` refuses that."""
        raise NotImplementedError

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "nth": self.nth, "at": spell(self.at)}


@dataclass(frozen=True, slots=True)
class Cron(_Pattern):
    """A cron expression with five fields, or six with the second first."""

    kind: ClassVar[str] = "cron"
    expression: str

    def patterns(self) -> tuple[str, ...]:
        fields = self.expression.upper().split()
        return (" ".join(fields if len(fields) == 6 else ["0", *fields]),)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "expression": self.expression}


@dataclass(frozen=True, slots=True)
class Once:
    """One instant: aware, or a naive wall time of the schedule's zone."""

    kind: ClassVar[str] = "once"
    at: datetime

    def instants(self, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        instant = self.instant(zone)
        if instant > after:
            yield instant

    def instant(self, zone: ZoneInfo) -> datetime:
        """The instant in UTC."""
        return resolve(self.at, zone) if self.at.tzinfo is None else self.at.astimezone(UTC)

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Interval:
    """At ``anchor``, and every so many real seconds after it. The anchor is stored, so that
    neither a restart nor a change of the clock moves the beat."""

    kind: ClassVar[str] = "interval"
    seconds: int
    anchor: datetime

    def instants(self, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        step = timedelta(seconds=self.seconds)
        passed = (after - self.anchor) // step
        instant = self.anchor + max(passed + 1, 0) * step
        while True:
            yield instant
            instant += step

    def to_spec(self) -> dict[str, Any]:
        return {"kind": self.kind, "seconds": self.seconds, "anchor": self.anchor.isoformat()}


def spell(at: time) -> str:
    """``09:00``, or ``09:00:30`` where the second matters."""
    return at.isoformat("seconds" if at.second else "minutes")


def describe_days(days: Mapping[str, str], chosen: tuple[str, ...], joiner: str) -> str:
    """The chosen days in the words of ``days``, in the order of the week."""
    return joiner.join(days[day] for day in DAYS if day in chosen)


def _clock(at: time) -> str:
    return f"{at.second} {at.minute} {at.hour}"
