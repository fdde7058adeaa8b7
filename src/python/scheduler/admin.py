"""Django's admin: jobs are edited through the requests; all else is to be looked at."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from scheduler.domain.declaring import is_managed
from scheduler.domain.errors import ManagedByCode
from scheduler.models import (
    AdminActionLog,
    Event,
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
    exclude = ["deleted_at", "quarantined_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobDefinition]:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_readonly_fields(
        self, request: HttpRequest, obj: JobDefinition | None = None
    ) -> list[str]:
        """A job is known by its name: to rename one, make another. One that code or a file owns
        is changed there; all that a person may do here is to disable it, and enable it again."""
        if obj is None:
            return ["provenance"]
        if not is_managed(obj.provenance):
            return ["name", "provenance"]
        return ["name", "held_by", *sorted(EDITABLE_FIELDS - {"enabled", *self.exclude})]

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


@admin.register(WorkerLease)
class WorkerLeaseAdmin(ReadOnlyAdmin):
    list_display = ["worker_id", "node_id", "state", "desired", "open_runs", "capacity"]
    list_filter = ["state"]


@admin.register(AdminActionLog)
class AdminActionLogAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "action", "target"]
    search_fields = ["actor", "target"]
