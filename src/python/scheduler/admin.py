"""Django's admin: jobs are edited through the requests; all else is to be looked at."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from scheduler.models import (
    AdminActionLog,
    ApiToken,
    Event,
    EventTrigger,
    JobDefinition,
    JobRun,
    RunRequest,
    WorkerLease,
)
from scheduler.requests.jobs import EDITABLE_FIELDS, delete_definition, save_definition


def _who(request: HttpRequest) -> str:
    return f"admin:{request.user.get_username()}"


@admin.register(JobDefinition)
class JobDefinitionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "enabled", "command_name", "schedule", "timezone", "queue", "priority"]
    list_filter = ["enabled", "queue", "concurrency_policy"]
    search_fields = ["name", "description", "command_name"]
    exclude = ["deleted_at", "provenance", "quarantined_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobDefinition]:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_readonly_fields(
        self, request: HttpRequest, obj: JobDefinition | None = None
    ) -> list[str]:
        """A job is known by its name: to rename one, make another."""
        return ["name"] if obj else []

    def save_model(self, request: HttpRequest, obj: JobDefinition, form: Any, change: bool) -> None:
        fields = {name: getattr(obj, name) for name in form.changed_data if name in EDITABLE_FIELDS}
        obj.pk = save_definition(obj.name, by=_who(request), **fields).pk

    def delete_model(self, request: HttpRequest, obj: JobDefinition) -> None:
        delete_definition(obj.name, by=_who(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[JobDefinition]) -> None:
        for name in queryset.values_list("name", flat=True):
            delete_definition(name, by=_who(request))


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
