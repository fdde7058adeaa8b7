"""The plugin as a Django app: the durable tallies and the command ``scheduler_alerts``."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "scheduler_monitoring"
    label = "scheduler_monitoring"
    verbose_name = "Scheduler: monitoring"
    default_auto_field = "django.db.models.BigAutoField"
