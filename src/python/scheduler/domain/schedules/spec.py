"""From a JSON spec to a form, with an error that says which field, what it is, what may be there.

::

    {"kind": "every_minutes", "minutes": 5}          1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60
    {"kind": "hourly", "minute": 15}
    {"kind": "daily", "at": "09:00"}                 HH:MM or HH:MM:SS
    {"kind": "weekdays", "at": "09:00"}              Monday to Friday, or "days": ["mon", "wed"]
    {"kind": "weekly", "day": "mon", "at": "09:00"}
    {"kind": "monthly", "day": 31, "at": "09:00", "missing": "skip" | "last"}; or "day": "last"
    {"kind": "business_day", "nth": -1, "at": "17:00"}     1 the first of the month, -1 the last
    {"kind": "once", "at": "2026-12-24T18:00:00+09:00"}   without an offset: in the job's zone
    {"kind": "interval", "seconds": 90, "anchor": "2026-01-01T00:00:00+00:00"}
    {"kind": "cron", "expression": "*/5 9-17 * * mon-fri"}    five fields; six: second first

Unknown fields are refused: a misspelt one would otherwise be a rule that nobody keeps.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from difflib import get_close_matches
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules.forms import (
    DAYS,
    LAST,
    SKIP,
    WORKING_DAYS,
    BusinessDay,
    Cron,
    Daily,
    EveryMinutes,
    Form,
    Hourly,
    Interval,
    Monthly,
    Once,
    Weekdays,
    Weekly,
)

DIVISORS_OF_AN_HOUR = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
LONGEST_INTERVAL_SECONDS = 366 * 86400
LONGEST_EXPRESSION = 200
CRON_FIELDS = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L (last day) or LW (last working day)",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT (0 and 7 are Sunday), 5L (last Friday), 1#2 (second Monday)",
}


def parse_form(spec: Mapping[str, Any]) -> Form:
    """The form of ``spec``. Raises InvalidSchedule; whether it ever fires is not asked here."""
    if not isinstance(spec, Mapping):
        raise InvalidSchedule("schedule", spec, 'an object such as {"kind": "daily", ...}')
    kind = spec.get("kind")
    if not isinstance(kind, str) or kind not in _PARSERS:
        raise InvalidSchedule("kind", kind, ", ".join(_PARSERS))
    parser, fields = _PARSERS[kind]
    for name in spec:
        if name != "kind" and name not in fields:
            raise InvalidSchedule(str(name), spec[name], f"only {', '.join(fields)} for {kind}")
    return parser(spec)


def parse_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises InvalidSchedule, with the nearest name known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        near = get_close_matches(str(name), available_timezones(), n=1)
        allowed = "an IANA time zone such as Asia/Tokyo"
        hint = f"; did you mean {near[0]}" if near else ""
        raise InvalidSchedule("timezone", name, allowed + hint) from None


def with_anchor(spec: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The spec to store: an interval without an anchor gets ``now`` (whole seconds) as its own."""
    if spec.get("kind") != Interval.kind or spec.get("anchor") is not None:
        return dict(spec)
    return {**spec, "anchor": now.astimezone(UTC).replace(microsecond=0).isoformat()}


# ------------------------------------------------------------------------------------ each form


def _every_minutes(spec: Mapping[str, Any]) -> Form:
    minutes = spec.get("minutes")
    if not _is_int(minutes) or minutes not in DIVISORS_OF_AN_HOUR:
        choices = ", ".join(map(str, DIVISORS_OF_AN_HOUR))
        raise InvalidSchedule(
            "minutes", minutes, f"{choices} (they divide an hour; else use kind interval)"
        )
    return EveryMinutes(minutes)


def _hourly(spec: Mapping[str, Any]) -> Form:
    return Hourly(_whole_number(spec, "minute", 0, 59))


def _daily(spec: Mapping[str, Any]) -> Form:
    return Daily(_time(spec))


def _weekdays(spec: Mapping[str, Any]) -> Form:
    days = spec.get("days", list(WORKING_DAYS))
    allowed = f"a list of one or more of {', '.join(DAYS)}"
    if not isinstance(days, list | tuple) or not days:
        raise InvalidSchedule("days", days, allowed)
    for day in days:
        if day not in DAYS:
            raise InvalidSchedule("days", day, allowed)
    return Weekdays(tuple(day for day in DAYS if day in days), _time(spec))


def _weekly(spec: Mapping[str, Any]) -> Form:
    return Weekly(_choice(spec, "day", DAYS), _time(spec))


def _monthly(spec: Mapping[str, Any]) -> Form:
    day = spec.get("day")
    if day == LAST:
        if "missing" in spec:
            raise InvalidSchedule("missing", spec["missing"], "nothing where the day is 'last'")
        return Monthly(LAST, _time(spec))
    if not _is_int(day) or not 1 <= day <= 31:
        raise InvalidSchedule("day", day, "a whole number from 1 to 31, or 'last'")
    missing = _choice(spec, "missing", (SKIP, LAST)) if "missing" in spec else SKIP
    return Monthly(day, _time(spec), missing)


def _business_day(spec: Mapping[str, Any]) -> Form:
    nth = spec.get("nth")
    if not _is_int(nth) or not 1 <= abs(nth) <= 31:
        raise InvalidSchedule(
            "nth", nth, "1 (the first business day) to 31, or -1 (the last) to -31"
        )
    return BusinessDay(nth, _time(spec))


def _once(spec: Mapping[str, Any]) -> Form:
    return Once(_instant(spec, "at"))


def _interval(spec: Mapping[str, Any]) -> Form:
    seconds = _whole_number(spec, "seconds", 1, LONGEST_INTERVAL_SECONDS)
    anchor = _instant(spec, "anchor")
    if anchor.tzinfo is None:
        raise InvalidSchedule("anchor", spec["anchor"], "an ISO 8601 instant with its UTC offset")
    return Interval(seconds, anchor.astimezone(UTC))


def _cron(spec: Mapping[str, Any]) -> Form:
    expression = spec.get("expression")
    if not isinstance(expression, str) or len(expression) > LONGEST_EXPRESSION:
        raise InvalidSchedule("expression", expression, "a cron text of five or six fields")
    form = Cron(" ".join(expression.split()))
    fields = form.expression.split()
    if len(fields) not in (5, 6):
        allowed = "five fields (minute hour day month weekday), or six with the second first"
        raise InvalidSchedule("expression", expression, f"{allowed}; this has {len(fields)}")
    _check_cron(form)
    return form


def _check_cron(form: Cron) -> None:
    """cronsim names the bad field; find what stands there and say what may."""
    pattern = form.patterns()[0]
    try:
        CronSim(pattern, datetime(2000, 1, 1))  # noqa: DTZ001
    except (CronSimError, ValueError, AssertionError) as error:
        name = str(error).removeprefix("Bad ")
        if name not in CRON_FIELDS:
            raise InvalidSchedule("expression", form.expression, "a cron text") from None
        value = pattern.split()[list(CRON_FIELDS).index(name)]
        raise InvalidSchedule(
            f"expression ({name})", value, f"*, or {CRON_FIELDS[name]}, lists, ranges and steps"
        ) from None


_PARSERS: dict[str, tuple[Callable[[Mapping[str, Any]], Form], tuple[str, ...]]] = {
    EveryMinutes.kind: (_every_minutes, ("minutes",)),
    Hourly.kind: (_hourly, ("minute",)),
    Daily.kind: (_daily, ("at",)),
    Weekdays.kind: (_weekdays, ("days", "at")),
    Weekly.kind: (_weekly, ("day", "at")),
    Monthly.kind: (_monthly, ("day", "at", "missing")),
    BusinessDay.kind: (_business_day, ("nth", "at")),
    Once.kind: (_once, ("at",)),
    Interval.kind: (_interval, ("seconds", "anchor")),
    Cron.kind: (_cron, ("expression",)),
}
KINDS = tuple(_PARSERS)


# ----------------------------------------------------------------------------------- each field


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_number(spec: Mapping[str, Any], field: str, low: int, high: int) -> int:
    value = spec.get(field)
    if not _is_int(value) or not low <= value <= high:
        raise InvalidSchedule(field, value, f"a whole number from {low} to {high}")
    return value


def _choice(spec: Mapping[str, Any], field: str, choices: tuple[str, ...]) -> str:
    value = spec.get(field)
    if not isinstance(value, str) or value not in choices:
        raise InvalidSchedule(field, value, f"one of {', '.join(choices)}")
    return value


def _time(spec: Mapping[str, Any]) -> time:
    value = spec.get("at")
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", value):
        raise InvalidSchedule("at", value, "a time such as 09:00 or 09:00:30")
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise InvalidSchedule("at", value, "a time from 00:00 to 23:59:59") from None


def _instant(spec: Mapping[str, Any], field: str) -> datetime:
    value = spec.get(field)
    try:
        return datetime.fromisoformat(value).replace(microsecond=0)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidSchedule(
            field, value, "an ISO 8601 instant such as 2026-12-24T18:00:00+09:00"
        ) from None
