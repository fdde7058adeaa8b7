"""Calendar: the business days by which jobs run."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from scheduler.domain.calendars import WEEKEND, BusinessCalendar, check_name, parse_calendar
from scheduler.domain.errors import InvalidCalendar


def weekend() -> list[str]:
    return list(WEEKEND)


class Calendar(models.Model):
    """A business calendar, known by its name.

    Its days stand in the row as JSON: a calendar is read, edited and locked as one thing, a plan
    needs all of it or nothing, and ``revision`` then names exactly what was read. ``holidays`` are
    a copy of what the package said when they were taken: a plan must not change with an upgrade.

    People change it through ``scheduler.requests.calendars``, which plans its jobs anew.
    """

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True, default="", db_default="")
    weekly_days_off = models.JSONField(
        blank=True,
        default=weekend,
        db_default=models.Value(list(WEEKEND), models.JSONField()),
        help_text='Days of the week that are not worked, for example ["sat", "sun"].',
    )
    country = models.CharField(
        max_length=2,
        blank=True,
        default="",
        db_default="",
        help_text="Whose public holidays are off, for example JP; empty: nobody's.",
    )
    holidays = models.JSONField(
        blank=True,
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        editable=False,
        help_text="Public holidays by date, taken from the package named in holidays_source.",
    )
    holidays_from = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    holidays_until = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    holidays_source = models.CharField(
        max_length=100, blank=True, default="", db_default="", editable=False
    )
    days = models.JSONField(
        blank=True,
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Days off and extra working days by date, for example "
        '{"2026-12-29": {"open": false, "note": "年末休業"}}.',
    )
    revision = models.PositiveBigIntegerField(default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "scheduler_calendar"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError naming the field that cannot be understood."""
        try:
            check_name(self.name)
            self.business_calendar()
        except InvalidCalendar as error:
            named = error.field.partition("[")[0]
            raise ValidationError({named: str(error)}) from error

    def business_calendar(self) -> BusinessCalendar:
        """The calendar as a value. Raises InvalidCalendar."""
        return parse_calendar(
            self.name,
            self.weekly_days_off,
            self.holidays,
            self.days,
            self.holidays_from,
            self.holidays_until,
        )
