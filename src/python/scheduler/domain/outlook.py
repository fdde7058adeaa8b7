"""How a change of definitions changes the runs of the days to come."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import CalendarRule
from scheduler.domain.declaring import JobChange
from scheduler.domain.errors import CalendarNotFound, InvalidCalendar, InvalidSchedule
from scheduler.domain.schedules import (
    CalendarUse,
    Window,
    parse_schedule,
    parse_zone,
    with_anchor,
)

DAYS = 7
SLOTS_AT_MOST = 10_000
FIRST = 3


@dataclass(frozen=True, slots=True)
class Outlook:
    """Slots that come and go within DAYS from now. ``first_new`` and ``first_gone`` are the first
    few of each, in the job's zone. ``cut``: more than SLOTS_AT_MOST; only those were compared."""

    added: int
    removed: int
    first_new: tuple[datetime, ...]
    first_gone: tuple[datetime, ...]
    cut: bool = False


UseOf = Callable[[str, str], CalendarUse | None]
"""A calendar by its name, with its rule; None for an empty name."""


def outlook(change: JobChange, now: datetime, use_of: UseOf) -> Outlook:
    """What the change does to the job's runs in the DAYS after ``now`` (aware)."""
    old, cut_old = slots(change.before, now, use_of)
    new, cut_new = slots(change.after, now, use_of)
    ends = [some[-1] for some, cut in ((old, cut_old), (new, cut_new)) if cut]
    end = min(ends, default=now + timedelta(days=DAYS))
    was, will = ({one for one in some if one <= end} for some in (old, new))
    gone, come = sorted(was - will), sorted(will - was)
    zone = _zone(change.after or change.before or {})
    return Outlook(len(come), len(gone), _first(come, zone), _first(gone, zone), bool(ends))


def slots(
    fields: Mapping[str, Any] | None, now: datetime, use_of: UseOf
) -> tuple[list[datetime], bool]:
    """The slots at which a job runs within DAYS after ``now``, and whether there are more than were
    taken."""
    if fields is None or not fields.get("enabled", True) or fields.get("schedule") is None:
        return [], False
    window = Window(fields.get("starts_at"), fields.get("ends_at"))
    spec = with_anchor(fields["schedule"], now)
    try:
        use = use_of(fields.get("calendar", ""), fields.get("calendar_rule", CalendarRule.ONLY))
        schedule = parse_schedule(spec, fields["timezone"], window, use)
    except (InvalidSchedule, InvalidCalendar, CalendarNotFound):
        # Stored by another version of the software, say: it has no slots here.
        return [], False
    found = schedule.runs_between(now, now + timedelta(days=DAYS), SLOTS_AT_MOST + 1)
    return found[:SLOTS_AT_MOST], len(found) > SLOTS_AT_MOST


def _first(some: list[datetime], zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(one.astimezone(zone) for one in some[:FIRST])


def _zone(fields: Mapping[str, Any]) -> ZoneInfo:
    try:
        return parse_zone(fields.get("timezone", "UTC"))
    except InvalidSchedule:
        return ZoneInfo("UTC")
