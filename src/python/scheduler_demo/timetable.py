"""When a definition is due, worked out second by second, on purpose in the dullest way.

The audit's own arithmetic: nothing here is shared with ``scheduler.domain``. It asks of each whole
second of a window whether the wall clock of the job's zone fits, so it holds wherever the clock is
not changed within the window.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduler_demo.days import Days

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SECOND = timedelta(seconds=1)

Fits = Callable[[datetime], bool]


class CannotAudit(Exception):
    """A schedule that this dull arithmetic does not know; the message names what it is."""


def slots(
    schedule: Mapping[str, Any],
    timezone: str,
    since: datetime,
    until: datetime,
    days: Days | None = None,
) -> list[datetime]:
    """The due instants (aware UTC) with ``since < slot <= until``, those on days off under the rule
    ``only`` too (see ``closed``). Raises CannotAudit."""
    zone = ZoneInfo(timezone)
    fits = _on_calendar(schedule, zone, days)
    return [second for second in _seconds(since, until) if fits(second.astimezone(zone))]


def closed(schedule: Mapping[str, Any], timezone: str, slot: datetime, days: Days | None) -> bool:
    """Whether a due slot must not run, for its day is off."""
    if days is None or days.rule != "only" or schedule.get("kind") == "business_day":
        return False
    return not days.worked(slot.astimezone(ZoneInfo(timezone)).date())


def _on_calendar(schedule: Mapping[str, Any], zone: ZoneInfo, days: Days | None) -> Fits:
    if schedule.get("kind") == "business_day":
        if days is None:
            raise CannotAudit("business days without a calendar")
        known, at, nth = days, time.fromisoformat(schedule["at"]), int(schedule["nth"])
        return lambda t: t.time().replace(microsecond=0) == at and known.is_nth(t.date(), nth)
    fits = _rule(schedule, zone)
    if days is None or days.rule == "only":
        return fits
    moving = days
    return lambda t: any(
        fits(t.replace(year=day.year, month=day.month, day=day.day))
        for day in moving.named_for(t.date())
    )


def _seconds(since: datetime, until: datetime) -> Iterator[datetime]:
    second = since.astimezone(UTC).replace(microsecond=0) + _SECOND
    while second <= until:
        yield second
        second += _SECOND


def _rule(schedule: Mapping[str, Any], zone: ZoneInfo) -> Fits:
    kind = schedule.get("kind")
    if kind == "interval":
        return _interval(schedule)
    if kind == "once":
        return _once(schedule, zone)
    if kind == "cron":
        return _cron(str(schedule["expression"]))
    if kind == "every_minutes":
        minutes = int(schedule["minutes"])
        return lambda t: t.second == 0 and t.minute % minutes == 0
    if kind == "hourly":
        return lambda t: (t.minute, t.second) == (schedule["minute"], 0)
    return _on_days(kind, schedule)


def _on_days(kind: object, schedule: Mapping[str, Any]) -> Fits:
    """Forms that have one time of day."""
    at = time.fromisoformat(str(schedule.get("at", "00:00")))
    fits_day = _day_rule(kind, schedule)
    return lambda t: t.time().replace(microsecond=0) == at and fits_day(t)


def _day_rule(kind: object, schedule: Mapping[str, Any]) -> Fits:
    if kind == "daily":
        return lambda t: True
    if kind == "weekdays":
        chosen = schedule.get("days", _DAYS[:5])
        return lambda t: _DAYS[t.weekday()] in chosen
    if kind == "weekly":
        return lambda t: _DAYS[t.weekday()] == schedule["day"]
    if kind == "monthly":
        return lambda t: t.day == _day_of_month(schedule, t)
    raise CannotAudit(f"kind {kind!r}")


def _day_of_month(schedule: Mapping[str, Any], t: datetime) -> int:
    first_of_next = (t.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = (first_of_next - timedelta(days=1)).day
    wanted = schedule["day"]
    if wanted == "last":
        return last
    return min(wanted, last) if schedule.get("missing") == "last" else int(wanted)


def _interval(schedule: Mapping[str, Any]) -> Fits:
    anchor, seconds = datetime.fromisoformat(schedule["anchor"]), int(schedule["seconds"])
    return lambda t: t >= anchor and int((t - anchor).total_seconds()) % seconds == 0


def _once(schedule: Mapping[str, Any], zone: ZoneInfo) -> Fits:
    at = datetime.fromisoformat(schedule["at"]).replace(microsecond=0)
    instant = at if at.tzinfo else at.replace(tzinfo=zone)
    return lambda t: t == instant


def _cron(expression: str) -> Fits:
    fields = expression.lower().split()
    second, minute, hour, day, month, weekday = fields if len(fields) == 6 else ["0", *fields]
    seconds, minutes, hours = _values(second, 0, 59), _values(minute, 0, 59), _values(hour, 0, 23)
    days, months = _values(day, 1, 31), _values(month, 1, 12, _MONTHS)
    weekdays = {number % 7 for number in _values(weekday, 0, 7, ("sun", *_DAYS[:6]), first=0)}
    # Cron's old rule: where both day fields are restricted, either may match.
    either = not day.startswith("*") and not weekday.startswith("*")

    def fits(t: datetime) -> bool:
        by_date, by_weekday = t.day in days, t.isoweekday() % 7 in weekdays
        on_day = by_date or by_weekday if either else by_date and by_weekday
        on_time = t.second in seconds and t.minute in minutes and t.hour in hours
        return on_time and on_day and t.month in months

    return fits


def _values(
    field: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 1
) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, _, end = span.partition("-")
        if span == "*":
            begin, stop = low, high
        else:
            begin = _number(start, names, first)
            stop = _number(end, names, first) if end else (high if step else begin)
        found.update(range(begin, stop + 1, int(step or 1)))
    return found


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    if text in names:
        return names.index(text) + first
    if not text.isdigit():
        raise CannotAudit(f"cron field {text!r}")
    return int(text)
