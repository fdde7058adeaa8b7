"""When a route is open: weekdays, hours of the day, a business calendar. Pure."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Protocol, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = get_args(Weekday)
DAYS_AHEAD = 400


class WorkingDays(Protocol):
    """A business calendar, as far as hours ask it."""

    def is_business_day(self, day: date) -> bool: ...


def _zone(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone; write one such as Asia/Tokyo") from None


def _time_of_day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        found = time.fromisoformat(value)
        if found.tzinfo is not None:
            raise ValueError("an offset, where timezone says the zone")
        return found
    except ValueError:
        raise ValueError(f'{value!r} is no time of day; write it as "09:00"') from None


class Hours(BaseModel):
    """Each window belongs to the day it begins on; one that ends no later than it begins ends on
    the next day, so ``from`` equal to ``to`` is a whole day. ``calendar`` names a business
    calendar of the scheduler: only its business days count. Outside, the route's notices wait
    (``hold``), or the route does not apply (``drop``)."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    calendar: str = ""
    weekdays: frozenset[Weekday] = Field(frozenset(WEEK), min_length=1)
    begins: Annotated[time, BeforeValidator(_time_of_day)] = Field(time(0), alias="from")
    ends: Annotated[time, BeforeValidator(_time_of_day)] = Field(time(0), alias="to")
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = ZoneInfo("UTC")
    outside: Literal["hold", "drop"] = "hold"


def is_open(hours: Hours | None, days: WorkingDays | None, at: datetime) -> bool:
    """Whether ``at`` (aware) lies in the hours. ``days`` None: every day is worked."""
    if hours is None:
        return True
    today = at.astimezone(hours.timezone).date()
    return any(
        begins <= at < ends
        for begins, ends in _windows(hours, days, today - timedelta(days=1), count=2)
    )


def opens_at(hours: Hours | None, days: WorkingDays | None, at: datetime) -> datetime | None:
    """``at`` itself when open, else when the hours next begin (aware UTC); None: not within
    DAYS_AHEAD days."""
    if hours is None or is_open(hours, days, at):
        return at
    today = at.astimezone(hours.timezone).date()
    windows = _windows(hours, days, today, count=DAYS_AHEAD)
    return next((begins for begins, _ in windows if begins > at), None)


def _windows(
    hours: Hours, days: WorkingDays | None, first: date, count: int
) -> Iterator[tuple[datetime, datetime]]:
    for number in range(count):
        day = first + timedelta(days=number)
        if WEEK[day.weekday()] not in hours.weekdays:
            continue
        if days is not None and not days.is_business_day(day):
            continue
        last = day if hours.ends > hours.begins else day + timedelta(days=1)
        yield _instant(hours, day, hours.begins), _instant(hours, last, hours.ends)


def _instant(hours: Hours, day: date, at: time) -> datetime:
    return datetime.combine(day, at, hours.timezone).astimezone(UTC)
