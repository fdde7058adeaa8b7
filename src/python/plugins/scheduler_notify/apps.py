"""The Django app of the notifications: their tables, commands and templates."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotifyConfig(AppConfig):
    name = "scheduler_notify"
    verbose_name = _("Notifications")
    default_auto_field = "django.db.models.BigAutoField"
