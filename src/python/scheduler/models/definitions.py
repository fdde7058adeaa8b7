"""JobDefinition: what to run and when."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.timezone import now

from scheduler.domain import calendars
from scheduler.domain.errors import CalendarNotFound, InvalidCalendar, InvalidSchedule
from scheduler.domain.schedules import (
    CalendarUse,
    Schedule,
    Window,
    parse_schedule,
    parse_zone,
)
from scheduler.models.calendars import Calendar
from scheduler.models.choices import (
    CalendarRule,
    ConcurrencyPolicy,
    Isolation,
    MisfirePolicy,
    one_of,
)

GUARD_LIMITS = {
    "start_cap_per_minute": "start_cap",
    "retry_budget_per_hour": "retry_budget",
    "quarantine_after_failures": "failures",
}
"""The storm guard's limits, each null or at least 1, with what their constraints are called."""


class JobDefinition(models.Model):
    """What to run and when: trigger, executor, arguments, policies.

    People change it through ``scheduler.requests`` (which raises ``revision`` and tells the
    leader); a bare ``save()`` keeps the row but the leader goes on with the plan it has.
    """

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="", db_default="")
    enabled = models.BooleanField(default=True, db_default=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    provenance = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Where the definition comes from: empty for a person, else the code or file.",
    )
    held_by = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Who disabled, by hand, a job that code or a file owns; empty: nobody.",
    )

    executor = models.CharField(
        max_length=100, default="management_command", db_default="management_command"
    )
    command_name = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="A management command."
    )
    default_args_json = models.JSONField(
        blank=True,
        null=True,
        help_text="A list of arguments, or an object of options, as JSON; empty: none.",
    )
    isolation = models.CharField(
        max_length=8,
        choices=Isolation.choices,
        default=Isolation.FORK,
        db_default=Isolation.FORK.value,
    )

    schedule = models.JSONField(
        blank=True,
        null=True,
        help_text='For example {"kind": "cron", "expression": "*/5 * * * *"}; empty: by hand only.',
    )
    timezone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    calendar = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text="The name of a business calendar; empty: every day is alike.",
    )
    calendar_rule = models.CharField(
        max_length=8,
        choices=CalendarRule.choices,
        default=CalendarRule.ONLY,
        db_default=CalendarRule.ONLY.value,
        help_text="What becomes of a slot on a day that is not worked by the calendar.",
    )
    misfire_policy = models.CharField(
        max_length=16,
        choices=MisfirePolicy.choices,
        default=MisfirePolicy.RUN_ONCE,
        db_default=MisfirePolicy.RUN_ONCE.value,
    )
    skip_late_after_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="Empty: SCHEDULER_SKIP_LATE_RUNS_AFTER_SECONDS."
    )

    concurrency_policy = models.CharField(
        max_length=16,
        choices=ConcurrencyPolicy.choices,
        default=ConcurrencyPolicy.ALLOW,
        db_default=ConcurrencyPolicy.ALLOW.value,
    )
    max_parallel = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: no limit."
    )
    priority = models.IntegerField(default=0, db_default=0, help_text="Higher goes first.")
    queue = models.CharField(max_length=100, default="default", db_default="default")
    required_labels = models.JSONField(
        blank=True,
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text='Labels that the worker must have, for example {"zone": "a"}.',
    )

    timeout_seconds = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.001)], help_text="Empty: none."
    )
    kill_grace_seconds = models.FloatField(
        default=10.0, db_default=10.0, validators=[MinValueValidator(0.0)]
    )
    max_attempts = models.PositiveIntegerField(
        default=1, db_default=1, validators=[MinValueValidator(1)]
    )
    backoff_seconds = models.FloatField(
        default=10.0, db_default=10.0, validators=[MinValueValidator(0.0)]
    )
    backoff_factor = models.FloatField(
        default=2.0, db_default=2.0, validators=[MinValueValidator(1.0)]
    )
    backoff_max_seconds = models.FloatField(
        default=600.0, db_default=600.0, validators=[MinValueValidator(0.0)]
    )
    jitter = models.FloatField(
        default=0.1,
        db_default=0.1,
        validators=[MinValueValidator(0.0)],
        help_text="Share of the delay by which it may vary: 0.1 is plus or minus a tenth.",
    )
    retry_on_orphan = models.BooleanField(default=True, db_default=True)
    max_orphans = models.PositiveIntegerField(default=2, db_default=2)
    start_cap_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="At most so many starts in any 60 seconds; the others wait. Empty: no cap.",
    )
    retry_budget_per_hour = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=(
            "At most so many retries in any hour; as many more wait, the rest is given up. "
            "Empty: no budget."
        ),
    )
    quarantine_after_failures = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="So many slots that failed for good in a row quarantine the job. Empty: never.",
    )
    failures_in_row = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Counted while quarantine_after_failures is set.",
    )
    quarantined_at = models.DateTimeField(null=True, blank=True, editable=False)
    quarantine_reason = models.TextField(blank=True, default="", db_default="", editable=False)

    revision = models.PositiveBigIntegerField(default=1, db_default=1, editable=False)
    edited_at = models.DateTimeField(
        null=True,
        blank=True,
        default=now,
        db_default=Now(),
        editable=False,
        help_text="When the schedule was changed, until the leader has planned it anew.",
    )
    superseded = models.JSONField(
        blank=True,
        default=list,
        db_default=models.Value([], models.JSONField()),
        editable=False,
        help_text="Schedules edited away while nobody planned; their slots are still owed.",
    )
    schedule_since = models.DateTimeField(
        default=now,
        db_default=Now(),
        editable=False,
        help_text="The present schedule makes no slot at or before this instant.",
    )
    planned_until = models.DateTimeField(
        default=now,
        db_default=Now(),
        editable=False,
        help_text="The cursor: each slot up to here has its row.",
    )
    next_fire_at = models.DateTimeField(
        null=True,
        blank=True,
        default=now,
        db_default=Now(),
        editable=False,
        help_text="When the planner must look at this definition; empty: never.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "scheduler_job_definition"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at__isnull=True),
                name="scheduler_definition_name",
                violation_error_message="A job of this name exists already.",
            ),
            one_of("isolation", Isolation.values, "scheduler_definition_isolation"),
            one_of("misfire_policy", MisfirePolicy.values, "scheduler_definition_misfire"),
            one_of("calendar_rule", CalendarRule.values, "scheduler_definition_calendar"),
            one_of("concurrency_policy", ConcurrencyPolicy.values, "scheduler_definition_policy"),
            models.CheckConstraint(
                condition=Q(max_attempts__gte=1), name="scheduler_definition_attempts"
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}__isnull": True}) | Q(**{f"{limit}__gte": 1}),
                    name=f"scheduler_definition_{name}",
                )
                for limit, name in GUARD_LIMITS.items()
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_fire_at"],
                condition=Q(next_fire_at__isnull=False),
                name="scheduler_definition_due",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError naming each field that holds something unusable."""
        problems = self._problems_of_schedule()
        if self.executor == "management_command" and not self.command_name:
            problems["command_name"] = "Name the management command to run."
        if self.starts_at and self.ends_at and self.ends_at < self.starts_at:
            problems["ends_at"] = "The end must not be before the start."
        problems |= _problems_of_json(self.default_args_json, self.required_labels)
        if problems:
            raise ValidationError(problems)

    def calendar_use(self) -> CalendarUse | None:
        """Its calendar as it stands in the database, with its rule; None without one.

        Raises CalendarNotFound, InvalidCalendar."""
        if not self.calendar:
            return None
        rule = calendars.CalendarRule(self.calendar_rule)
        row = Calendar.objects.filter(name=self.calendar).first()
        if row is not None:
            return CalendarUse(row.business_calendar(), rule)
        if self.calendar in calendars.READY_MADE:
            # Made with the first job that is saved with it; until then only its name is known.
            return CalendarUse(calendars.PLAIN, rule)
        known = {*Calendar.objects.values_list("name", flat=True), *calendars.READY_MADE}
        raise CalendarNotFound(self.calendar, known)

    def parsed_schedule(self) -> Schedule | None:
        """Its schedule as a value, None when it runs by hand only.

        Raises InvalidSchedule, CalendarNotFound, InvalidCalendar."""
        if self.schedule is None:
            return None
        window = Window(self.starts_at, self.ends_at)
        return parse_schedule(self.schedule, self.timezone, window, self.calendar_use())

    def _problems_of_schedule(self) -> dict[str, str]:
        try:
            if self.parsed_schedule() is None:
                parse_zone(self.timezone)
                self.calendar_use()
        except InvalidSchedule as error:
            own = {"timezone", "calendar", "calendar_rule"}
            return {error.field if error.field in own else "schedule": str(error)}
        except (CalendarNotFound, InvalidCalendar) as error:
            return {"calendar": str(error)}
        except ValueError:
            # Not one of the choices: the field itself says so.
            return {}
        return {}


def _problems_of_json(args: Any, labels: Any) -> dict[str, str]:
    problems = {}
    if args is not None and not isinstance(args, list | dict):
        problems["default_args_json"] = "Write a JSON list or object."
    if not isinstance(labels, dict) or not all(isinstance(v, str) for v in labels.values()):
        problems["required_labels"] = "Write a JSON object whose values are text."
    return problems
