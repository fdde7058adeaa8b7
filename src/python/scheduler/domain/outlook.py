"""How a change of definitions changes the runs of the days to come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.domain.declaring import JobChange
from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules import Window, parse_schedule, parse_zone, with_anchor

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


def outlook(change: JobChange, now: datetime) -> Outlook:
    """What the change does to the job's slots in the DAYS after ``now`` (aware)."""
    old, cut_old = slots(change.before, now)
    new, cut_new = slots(change.after, now)
    ends = [some[-1] for some, cut in ((old, cut_old), (new, cut_new)) if cut]
    end = min(ends, default=now + timedelta(days=DAYS))
    was, will = ({one for one in some if one <= end} for some in (old, new))
    gone, come = sorted(was - will), sorted(will - was)
    zone = _zone(change.after or change.before or {})
    return Outlook(len(come), len(gone), _first(come, zone), _first(gone, zone), bool(ends))


def slots(fields: Mapping[str, Any] | None, now: datetime) -> tuple[list[datetime], bool]:
    """The slots of a job within DAYS after ``now``, and whether there are more than were taken."""
    if fields is None or not fields.get("enabled", True) or fields.get("schedule") is None:
        return [], False
    window = Window(fields.get("starts_at"), fields.get("ends_at"))
    spec = with_anchor(fields["schedule"], now)
    try:
        schedule = parse_schedule(spec, fields["timezone"], window)
    except InvalidSchedule:  # Stored by another version of the software: it has no slots here.
        return [], False
    found = schedule.between(now, now + timedelta(days=DAYS), SLOTS_AT_MOST + 1)
    return found[:SLOTS_AT_MOST], len(found) > SLOTS_AT_MOST


def _first(some: list[datetime], zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(one.astimezone(zone) for one in some[:FIRST])


def _zone(fields: Mapping[str, Any]) -> ZoneInfo:
    try:
        return parse_zone(fields.get("timezone", "UTC"))
    except InvalidSchedule:
        return ZoneInfo("UTC")
