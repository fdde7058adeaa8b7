"""The hours of a route against the scheduler's business calendars."""

from datetime import datetime

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.queries.calendars import calendar_of
from scheduler_notify.hours import Hours, WorkingDays, is_open, opens_at
from scheduler_notify.routes import Route

log = get_logger("scheduler.notify")


class OpeningHours:
    """The routes' hours at one moment; each calendar is read once.

    A calendar that cannot be read counts as one without days off: better a notice at night than
    none at all."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._days: dict[str, WorkingDays | None] = {}

    def applies(self, route: Route) -> bool:
        """False for a route that takes nothing outside its hours, and is outside."""
        hours = route.hours
        return hours is None or hours.outside == "hold" or self._is_open(hours)

    def opens_at(self, route: Route) -> datetime | None:
        """When notices of the route may be formed: now, later, or never (None)."""
        hours = route.hours
        if hours is None or hours.outside == "drop":
            return self._now
        return opens_at(hours, self._calendar(hours), self._now)

    def _is_open(self, hours: Hours) -> bool:
        return is_open(hours, self._calendar(hours), self._now)

    def _calendar(self, hours: Hours) -> WorkingDays | None:
        name = hours.calendar
        if name and name not in self._days:
            self._days[name] = _read(name)
        return self._days.get(name)


def _read(name: str) -> WorkingDays | None:
    try:
        return calendar_of(name)
    except SchedulerError as error:
        log.warning("notify_calendar_unreadable", calendar=name, error=str(error))
        return None
