"""Business calendars as pages and commands show them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from scheduler.domain.calendars import BusinessCalendar
from scheduler.models import Calendar, JobDefinition
from scheduler.public_holidays import certainty, differences
from scheduler.store.calendars import calendar_names, find_calendar


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A calendar. ``stored`` is False for a ready-made one that no job has used yet; ``outdated``
    has a line for each day on which the installed package says otherwise than the calendar."""

    name: str
    description: str
    weekly_days_off: tuple[str, ...]
    country: str
    holidays_source: str
    holidays_from: int | None
    holidays_until: int | None
    days_off: int
    extra_working_days: int
    jobs: tuple[str, ...]
    stored: bool
    outdated: tuple[str, ...]


def calendars() -> list[CalendarView]:
    """All of them by name, the ready-made included."""
    return [calendar_view(name) for name in calendar_names()]


def calendar_view(name: str) -> CalendarView:
    """One of them. Raises CalendarNotFound, InvalidCalendar."""
    row = find_calendar(name)
    value = row.business_calendar()
    opened = sum(own.is_open for own in value.days.values())
    users = JobDefinition.objects.filter(calendar=name, deleted_at=None).order_by("name")
    return CalendarView(
        name=row.name,
        description=row.description,
        weekly_days_off=tuple(row.weekly_days_off),
        country=row.country,
        holidays_source=row.holidays_source,
        holidays_from=row.holidays_from,
        holidays_until=row.holidays_until,
        days_off=len(value.days) - opened,
        extra_working_days=opened,
        jobs=tuple(users.values_list("name", flat=True)),
        stored=row.pk is not None,
        outdated=tuple(differences(row.country, dict(value.holidays))),
    )


def calendar_of(name: str) -> BusinessCalendar:
    """The calendar as a value. Raises CalendarNotFound, InvalidCalendar."""
    return find_calendar(name).business_calendar()


def cautions(name: str, year: int, today: date) -> list[str]:
    """What a reader of this year must know: which days are not fixed, or not known at all."""
    row = find_calendar(name)
    return list(_cautions(row, year, today))


def _cautions(row: Calendar, year: int, today: date) -> Iterator[str]:
    if row.country and not row.business_calendar().knows(year):
        yield (
            f"No public holidays are known for {year}: calendar {row.name} has those of"
            f" {row.holidays_from} to {row.holidays_until}."
        )
    elif sentence := certainty(row.country, year, today):
        yield sentence
