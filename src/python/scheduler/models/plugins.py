"""What workers tell of their plugins, for all to see."""

from django.db import models


class PluginState(models.Model):
    """How one hook of one plugin fares in one worker. Only what failed, or hangs, has a row.

    Written by that worker now and then, gone with it."""

    worker_id = models.CharField(max_length=100)
    plugin = models.CharField(max_length=100)
    hook = models.CharField(max_length=200)
    count = models.BigIntegerField(
        default=0, db_default=0, help_text="Failures since the worker's process started."
    )
    last_error = models.TextField(blank=True, default="", db_default="")
    last_at = models.DateTimeField(null=True, blank=True)
    stuck_since = models.DateTimeField(
        null=True, blank=True, help_text="A call of then has not returned."
    )

    class Meta:
        db_table = "scheduler_plugin_state"
        ordering = ["plugin", "hook", "worker_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["worker_id", "plugin", "hook"], name="scheduler_plugin_state_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.plugin}, {self.hook} on {self.worker_id}: {self.count}"
