"""Business calendars as people change them: checked, recorded, and their jobs planned anew.

A change of a calendar's days is an edit of when its jobs run: it takes effect for each of them at
the instant it is saved, by the rules of ``domain.edits``. What they owe up to then stays owed by
the days as they were.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F

from scheduler.domain.calendars import READY_MADE, CalendarDay, check_name, spell_days
from scheduler.domain.edits import planned_anew
from scheduler.domain.errors import CalendarInUse, CalendarNotFound
from scheduler.models import Calendar, JobDefinition
from scheduler.requests.recording import Ring, record, tell, writing
from scheduler.store.calendars import calendar_names, find_calendar, holiday_columns
from scheduler.store.clock import rdb_now

__all__ = [
    "calendar_names",
    "delete_calendar",
    "ensure_calendar",
    "find_calendar",
    "jobs_of",
    "refresh_calendar",
    "save_calendar",
    "set_days",
]

EDITABLE_FIELDS = ("description", "weekly_days_off", "country", "days")
DAY_FIELDS = frozenset({"weekly_days_off", "country", "holidays", "days"})
"""A change of one of these changes which days are worked."""


def save_calendar(name: str, *, by: str, ring: Ring | None = None, **fields: Any) -> Calendar:
    """Make the calendar ``name``, or change the given fields of the one that exists.

    ``fields``: description, weekly_days_off, country (its public holidays are taken from the
    installed package when the country changes), days (all of them, as JSON). Raises
    InvalidCalendar or django's ValidationError, by field, and then nothing has changed. Saving
    what is there already changes nothing and is not recorded.
    """
    _refuse_unknown(fields)
    check_name(name)
    with writing():
        return _save(name, fields, by, ring)


def ensure_calendar(name: str, *, by: str) -> None:
    """Make a ready-made calendar where it is not there yet, and hold the calendar for the rest of
    the transaction: it neither changes nor goes before its new job is saved. Nothing for a name
    that is neither."""
    with writing():
        if _locked(name) is None and name in READY_MADE:
            _save(name, {}, by, None)


def set_days(
    name: str, changes: Mapping[date, CalendarDay | None], *, by: str, ring: Ring | None = None
) -> Calendar:
    """Name days for themselves: off or worked, or no longer (None). Raises CalendarNotFound,
    InvalidCalendar, ValidationError."""
    with writing():
        days = dict(_held(name, by).business_calendar().days)
        for day, own in changes.items():
            if own is None:
                days.pop(day, None)
            else:
                days[day] = own
        return _save(name, {"days": spell_days(days)}, by, ring)


def refresh_calendar(name: str, *, by: str, ring: Ring | None = None) -> Calendar:
    """Take the public holidays anew from the installed package. Raises CalendarNotFound."""
    with writing():
        return _save(name, holiday_columns(_held(name, by).country), by, ring)


def delete_calendar(name: str, *, by: str, ring: Ring | None = None) -> None:
    """Delete a calendar. Raises CalendarNotFound, and CalendarInUse with the jobs that use it."""
    with writing():
        found = _locked(name)
        if found is None:
            raise CalendarNotFound(name, calendar_names())
        if jobs := jobs_of(name):
            raise CalendarInUse(name, jobs)
        found.delete()
        record("calendar_deleted", name, by)
        tell(ring, "leader")


def jobs_of(name: str) -> list[str]:
    """The names of the jobs that use a calendar."""
    users = JobDefinition.objects.filter(calendar=name, deleted_at=None)
    return list(users.order_by("name").values_list("name", flat=True))


def _held(name: str, by: str) -> Calendar:
    """The stored calendar, locked; a ready-made one is made first. Raises CalendarNotFound."""
    ensure_calendar(name, by=by)
    found = _locked(name)
    if found is None:
        raise CalendarNotFound(name, calendar_names())
    return found


def _refuse_unknown(fields: Mapping[str, Any]) -> None:
    unknown = sorted(fields.keys() - set(EDITABLE_FIELDS))
    if unknown:
        allowed = ", ".join(EDITABLE_FIELDS)
        raise ValidationError(f"A calendar has no field {unknown[0]!r}; allowed: {allowed}.")


def _locked(name: str) -> Calendar | None:
    return Calendar.objects.filter(name=name).select_for_update(no_key=True).first()


def _save(name: str, fields: Mapping[str, Any], by: str, ring: Ring | None) -> Calendar:
    found = _locked(name)
    if found is None:
        return _create(name, fields, by, ring)
    wanted = _with_holidays(fields, found.country)
    changed = {key: value for key, value in wanted.items() if getattr(found, key) != value}
    if not changed:
        return found
    if changed.keys() & DAY_FIELDS:
        _plan_jobs_anew(name)
    for key, value in changed.items():
        setattr(found, key, value)
    found.revision += 1
    found.updated_at = rdb_now()
    found.full_clean()
    found.save()
    record("calendar_changed", name, by, fields=sorted(changed))
    tell(ring, "leader")
    return found


def _create(name: str, fields: Mapping[str, Any], by: str, ring: Ring | None) -> Calendar:
    ready_made = {"country": READY_MADE[name]} if name in READY_MADE else {}
    # Jobs that named it before it was there were not planned at all.
    _plan_jobs_anew(name)
    now = rdb_now()
    wanted = _with_holidays({**ready_made, **fields}, "")
    calendar = Calendar(name=name, created_at=now, updated_at=now, **wanted)
    calendar.full_clean()
    calendar.save(force_insert=True)
    record("calendar_created", name, by)
    tell(ring, "leader")
    return calendar


def _plan_jobs_anew(name: str) -> None:
    """Before the days change: what the jobs owe is kept with the days as they are."""
    jobs = JobDefinition.objects.filter(calendar=name, deleted_at=None)
    for job in jobs.select_for_update(no_key=True).order_by("id"):
        now = rdb_now()
        JobDefinition.objects.filter(pk=job.pk).update(
            updated_at=now, revision=F("revision") + 1, **planned_anew(job, now)
        )


def _with_holidays(fields: Mapping[str, Any], country: str) -> dict[str, Any]:
    """``fields``, with the holidays of the country where that is another one than it was."""
    if "country" not in fields or "holidays" in fields:
        return dict(fields)
    wanted = str(fields["country"]).upper()
    return {**fields, **({} if wanted == country else holiday_columns(wanted)), "country": wanted}
