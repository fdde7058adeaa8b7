"""Calendars as they are stored, or as they would be made: for those who read and who write them."""

from typing import Any

from scheduler.domain.calendars import READY_MADE
from scheduler.domain.errors import CalendarNotFound
from scheduler.models import Calendar
from scheduler.public_holidays import SOURCE, holidays_of, years_of


def find_calendar(name: str) -> Calendar:
    """The calendar of this name; a ready-made one that no job has used yet is not stored (``pk``
    is None). Raises CalendarNotFound, which lists those there are."""
    found = Calendar.objects.filter(name=name).first()
    if found is not None:
        return found
    if name in READY_MADE:
        return Calendar(name=name, **holiday_columns(READY_MADE[name]))
    raise CalendarNotFound(name, calendar_names())


def calendar_names() -> list[str]:
    """The names a job may use: those that are stored, and those made with their first job."""
    return sorted({*Calendar.objects.values_list("name", flat=True), *READY_MADE})


def holiday_columns(country: str) -> dict[str, Any]:
    """The columns of a country's public holidays, out of the installed package; "": of none.

    Raises InvalidCalendar for a country that the package does not know."""
    if not country:
        empty: dict[str, Any] = {"holidays_from": None, "holidays_until": None}
        return {**empty, "country": "", "holidays": {}, "holidays_source": ""}
    first, last = years_of(country)
    return {
        "country": country,
        "holidays": {day.isoformat(): name for day, name in holidays_of(country).items()},
        "holidays_from": first,
        "holidays_until": last,
        "holidays_source": SOURCE,
    }
