"""What an edit leaves to the planner: schedules that were in force while nobody planned.

The books stay whole across an edit by two rules, both applied at its instant, under the lock of
the definition's row:

- When each slot up to the edit has its row already, the cursor (``planned_until``) is set to the
  edit: nothing is owed before it, and what was planned after it is replaced.
- When it is not so (nobody plans), the cursor stays and the old *when* is kept as a segment of
  ``superseded``, ``until`` the edit. The planner covers the segments in order, from the cursor on,
  each by its own schedule, and then the present schedule from the last edit on.

A segment carries the days of its calendar, too, around the time that is owed: an edit of a calendar
is an edit of when its jobs run, and what was due before it was due by the days as they were.

So, while an edit waits to be planned, the cursor never lies after the first edit that waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scheduler.domain.calendars import CalendarRule, parse_calendar
from scheduler.domain.errors import CalendarNotFound, InvalidCalendar, InvalidSchedule
from scheduler.domain.schedules import (
    CalendarUse,
    Schedule,
    Window,
    local_day,
    parse_schedule,
    parse_zone,
)

INSTANT = "an instant with its offset"


class Editable(Protocol):
    """A definition before an edit; instants are aware UTC."""

    @property
    def schedule(self) -> Mapping[str, Any] | None: ...
    @property
    def timezone(self) -> str: ...
    @property
    def starts_at(self) -> datetime | None: ...
    @property
    def ends_at(self) -> datetime | None: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def planned_until(self) -> datetime: ...
    @property
    def next_fire_at(self) -> datetime | None: ...
    @property
    def edited_at(self) -> datetime | None: ...
    @property
    def superseded(self) -> list[dict[str, Any]]: ...
    def calendar_use(self) -> CalendarUse | None: ...


@dataclass(frozen=True, slots=True)
class Superseded:
    """A schedule that was in force up to and including ``until``; None: it had no slots."""

    schedule: Schedule | None
    until: datetime


def planned_anew(old: Editable, now: datetime) -> dict[str, Any]:
    """The values that an edit of when a definition runs, made at ``now``, gives its columns."""
    changes: dict[str, Any] = {"edited_at": now, "next_fire_at": now, "schedule_since": now}
    if _owes_slots(old, now):
        return changes | {"superseded": [*old.superseded, _segment(old, now)]}
    return changes | {"planned_until": now}


def read_segment(segment: Mapping[str, Any]) -> Superseded:
    """A segment as ``planned_anew`` made it. Raises InvalidSchedule for what it cannot read."""
    until = _instant(segment, "until")
    if until is None:
        raise InvalidSchedule("until", None, INSTANT)
    if not segment.get("enabled") or segment.get("schedule") is None:
        return Superseded(None, until)
    window = Window(_instant(segment, "starts_at"), _instant(segment, "ends_at"))
    zone = segment.get("timezone", "UTC")
    use = _calendar_of(segment)
    return Superseded(parse_schedule(segment["schedule"], zone, window, use), until)


def end_of_segment(segment: Mapping[str, Any]) -> datetime | None:
    """Its ``until``, also where the rest cannot be read; None where this cannot either."""
    try:
        return _instant(segment, "until")
    except InvalidSchedule:
        return None


def _owes_slots(old: Editable, now: datetime) -> bool:
    if old.planned_until >= now:
        return False
    return old.edited_at is not None or (old.next_fire_at is not None and old.next_fire_at <= now)


def _segment(old: Editable, until: datetime) -> dict[str, Any]:
    return {
        "schedule": old.schedule,
        "timezone": old.timezone,
        "starts_at": old.starts_at and old.starts_at.isoformat(),
        "ends_at": old.ends_at and old.ends_at.isoformat(),
        "enabled": old.enabled,
        "until": until.isoformat(),
        **_segment_of_calendar(old, until),
    }


def _segment_of_calendar(old: Editable, until: datetime) -> dict[str, Any]:
    """The days that the old calendar has around what is owed: it may be another by then. One that
    could not be read has planned nothing, and the segment is as unreadable."""
    try:
        use = old.calendar_use() if old.schedule is not None else None
        if use is None:
            return {}
        zone = parse_zone(old.timezone)
    except (CalendarNotFound, InvalidCalendar, InvalidSchedule) as error:
        return {"calendar": {"unreadable": str(error)}, "calendar_rule": ""}
    days = use.calendar.around(local_day(old.planned_until, zone), local_day(until, zone))
    return {"calendar": days.to_spec(), "calendar_rule": use.rule.value}


def _calendar_of(segment: Mapping[str, Any]) -> CalendarUse | None:
    spec = segment.get("calendar")
    if spec is None:
        return None
    try:
        return CalendarUse(parse_calendar(**spec), CalendarRule(segment["calendar_rule"]))
    except (InvalidCalendar, KeyError, TypeError, ValueError) as error:
        raise InvalidSchedule("calendar", spec, "a calendar's days and its rule") from error


def _instant(segment: Mapping[str, Any], field: str) -> datetime | None:
    value = segment.get(field)
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidSchedule(field, value, INSTANT) from error
    if instant.tzinfo is None:
        raise InvalidSchedule(field, value, INSTANT)
    return instant
