"""The Django app of the scheduler's core."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SchedulerConfig(AppConfig):
    name = "scheduler"
    verbose_name = _("Scheduler")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, what may be declared with a job, and the roles that each
        migration's end brings."""
        from scheduler import checks  # noqa: F401
        from scheduler.requests.declared import related

        related.register()

        if apps.is_installed("django.contrib.auth"):
            from scheduler.requests.roles import ensure_roles

            post_migrate.connect(ensure_roles, sender=self, dispatch_uid="scheduler_roles")
