"""Backfill: the slots of a range of the past, run again at a pace of their own."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from scheduler.models.definitions import JobDefinition
from scheduler.models.runs import new_id


class Backfill(models.Model):
    """A wish to run the slots with ``since <= slot < until``, at most ``pace`` of them at once.

    Its slots are written down with it: an edit of the job changes no backfill under way.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    definition = models.ForeignKey(JobDefinition, on_delete=models.PROTECT, db_index=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    pace = models.PositiveIntegerField(db_default=1)
    only_missing = models.BooleanField(db_default=True)
    args = models.JSONField(null=True, blank=True)
    slot_count = models.PositiveIntegerField()
    requested_by = models.CharField(max_length=200, blank=True, db_default="")
    requested_at = models.DateTimeField(db_default=Now())
    fed_at = models.DateTimeField(
        null=True, blank=True, help_text="When nothing was left to hand on; empty: under way."
    )
    canceled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_backfill"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["requested_at"],
                condition=Q(fed_at__isnull=True),
                name="scheduler_backfill_open",
            )
        ]

    def __str__(self) -> str:
        return f"backfill {self.id}"


class BackfillSlot(models.Model):
    """One slot of a backfill; ``request_id`` is set by the leader when its turn has come."""

    id = models.BigAutoField(primary_key=True)
    backfill = models.ForeignKey(
        Backfill, on_delete=models.CASCADE, related_name="slots", db_index=False
    )
    scheduled_for = models.DateTimeField()
    slot_key = models.TextField()
    request_id = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_backfill_slot"
        constraints = [
            models.UniqueConstraint(
                fields=["backfill", "scheduled_for"], name="scheduler_backfill_slot_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["backfill", "scheduled_for"],
                condition=Q(request_id__isnull=True),
                name="scheduler_backfill_slot_next",
            )
        ]

    def __str__(self) -> str:
        return self.slot_key
