"""Which sets of jobs declared in code have been applied."""

from django.db import models
from django.db.models.functions import Now


class CodeRevision(models.Model):
    """One set of definitions declared in code; the row with the latest ``applied_at`` counts.

    A set that stands here but is not the latest belongs to another version of the software,
    which is then the older one: a worker of it leaves the jobs alone.
    """

    digest = models.CharField(max_length=64, unique=True)
    applied_at = models.DateTimeField(db_default=Now())
    applied_by = models.CharField(max_length=200)
    jobs = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "scheduler_code_revision"
        ordering = ["-applied_at"]

    def __str__(self) -> str:
        return f"{self.digest[:12]} ({self.jobs} jobs)"
