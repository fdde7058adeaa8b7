"""Django's admin: jobs are edited through the requests; all else is to be looked at."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from scheduler.domain.declaring import is_managed
from scheduler.domain.errors import InvalidCalendar, ManagedByCode
from scheduler.models import (
    AdminActionLog,
    Alert,
    ApiToken,
    Calendar,
    Event,
    EventTrigger,
    JobDefinition,
    JobRun,
    RunRequest,
    WorkerLease,
)
from scheduler.requests.calendars import delete_calendar, jobs_of, save_calendar
from scheduler.requests.jobs import EDITABLE_FIELDS, delete_definition, save_definition
from scheduler.store.calendars import holiday_columns


def _who(request: HttpRequest) -> str:
    return f"admin:{request.user.get_username()}"


QUARANTINE_FIELDS = ["quarantined_at", "quarantine_reason", "failures_in_row"]


@admin.register(JobDefinition)
class JobDefinitionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "enabled", "command_name", "schedule", "timezone", "queue", "priority"]
    list_filter = [
        "enabled",
        "queue",
        "concurrency_policy",
        ("quarantined_at", admin.EmptyFieldListFilter),
    ]
    search_fields = ["name", "description", "command_name"]
    exclude = ["deleted_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobDefinition]:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_readonly_fields(
        self, request: HttpRequest, obj: JobDefinition | None = None
    ) -> list[str]:
        """A job is known by its name: to rename one, make another. One that code or a file owns
        is changed there; all that a person may do here is to disable it, and enable it again. Its
        quarantine is set and released by commands of their own."""
        if obj is None:
            return ["provenance"]
        known = ["name", "provenance", *QUARANTINE_FIELDS]
        if not is_managed(obj.provenance):
            return known
        shown = EDITABLE_FIELDS - {"enabled", "provenance", *self.exclude, *QUARANTINE_FIELDS}
        return [*known, "held_by", *sorted(shown)]

    def has_delete_permission(self, request: HttpRequest, obj: JobDefinition | None = None) -> bool:
        """A job that code or a file owns is deleted there."""
        managed = obj is not None and is_managed(obj.provenance)
        return not managed and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: JobDefinition, form: Any, change: bool) -> None:
        fields = {name: getattr(obj, name) for name in form.changed_data if name in EDITABLE_FIELDS}
        obj.pk = save_definition(obj.name, by=_who(request), **fields).pk

    def delete_model(self, request: HttpRequest, obj: JobDefinition) -> None:
        delete_definition(obj.name, by=_who(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[JobDefinition]) -> None:
        for name, owner in queryset.values_list("name", "provenance"):
            if is_managed(owner):
                messages.error(request, str(ManagedByCode(name, owner)))
            else:
                delete_definition(name, by=_who(request))


class CalendarForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"]).upper()
        try:
            holiday_columns(country)
        except InvalidCalendar as error:
            raise ValidationError(str(error)) from error
        return country


@admin.register(Calendar)
class CalendarAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = CalendarForm
    list_display = ["name", "description", "weekly_days_off", "country", "holidays_source"]
    search_fields = ["name", "description"]

    def get_readonly_fields(self, request: HttpRequest, obj: Calendar | None = None) -> list[str]:
        """A calendar is known by its name."""
        return ["name"] if obj else []

    def save_model(self, request: HttpRequest, obj: Calendar, form: Any, change: bool) -> None:
        fields = {name: getattr(obj, name) for name in form.changed_data if name != "name"}
        obj.pk = save_calendar(obj.name, by=_who(request), **fields).pk

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Jobs that use a calendar protect it: the page names them."""
        found, counts, needed, protected = super().get_deleted_objects(objs, request)
        users = [f"{each.name}: {job}" for each in objs for job in jobs_of(each.name)]
        return found, counts, needed, [*protected, *users]

    def delete_model(self, request: HttpRequest, obj: Calendar) -> None:
        delete_calendar(obj.name, by=_who(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Calendar]) -> None:
        for name in queryset.values_list("name", flat=True):
            delete_calendar(name, by=_who(request))


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the scheduler writes."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "definition", "state", "attempt", "due_at", "worker_id", "reason"]
    list_select_related = ["definition"]
    list_filter = ["state"]


@admin.register(RunRequest)
class RunRequestAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "definition", "requested_by", "requested_at", "handled_at"]
    list_select_related = ["definition"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["id", "type", "source", "received_at", "handled_at"]


@admin.register(EventTrigger)
class EventTriggerAdmin(ReadOnlyAdmin):
    list_display = ["definition", "position", "event_type", "source", "subject"]
    list_select_related = ["definition"]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Made, rotated and revoked by scheduler_token: a secret is shown once, where it is needed."""

    list_display = ["name", "prefix", "scopes", "created_by", "expires_at", "last_used_at"]
    exclude = ["digest", "old_digest"]


@admin.register(WorkerLease)
class WorkerLeaseAdmin(ReadOnlyAdmin):
    list_display = ["worker_id", "node_id", "state", "desired", "open_runs", "capacity"]
    list_filter = ["state"]


@admin.register(AdminActionLog)
class AdminActionLogAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "target"]
    search_fields = ["actor", "target"]


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["at", "code", "severity", "job_name", "text"]
    list_filter = ["code", "severity"]
    search_fields = ["job_name", "text"]
