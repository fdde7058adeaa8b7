"""What the storm guard keeps: starts that count against a limit, and alerts."""

from django.db import models
from django.db.models.functions import Now


class JobStart(models.Model):
    """A run that was handed to a worker while a start cap or a retry budget counted it, or one
    that a worker replayed after a fail-over.

    When it started stands in its row of JobRun; this one goes once the start counts no more.
    """

    run_id = models.UUIDField(primary_key=True)
    definition_id = models.BigIntegerField()
    is_retry = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "scheduler_job_start"
        indexes = [models.Index(fields=["definition_id"], name="scheduler_job_start_job")]

    def __str__(self) -> str:
        return str(self.run_id)


class Alert(models.Model):
    """Something that people should hear of, written in the transaction that made it so.

    Rows are added, never changed; how far each plugin has been told stands in OutboxCursor.
    """

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(
        default=0, db_default=0, help_text="PostgreSQL's transaction id; 0 on SQLite."
    )
    code = models.CharField(max_length=40)
    severity = models.CharField(max_length=16)
    definition_id = models.BigIntegerField(null=True, blank=True)
    job_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    text = models.TextField()
    since = models.DateTimeField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "scheduler_alert"
        ordering = ["-id"]
        indexes = [models.Index(fields=["definition_id", "code", "at"], name="scheduler_alert_job")]

    def __str__(self) -> str:
        return f"{self.code} {self.job_name}".strip()
