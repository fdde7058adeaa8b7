"""The tables of the notifications. Written by ``store`` alone."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class NotifyMessage(models.Model):
    """One thing that people may have to hear of. ``routed_at`` is empty until it is decided who."""

    dedupe_key = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=20)
    severity = models.CharField(max_length=10)
    resolved = models.BooleanField(default=False)
    subject = models.CharField(max_length=255)
    job = models.CharField(max_length=200, blank=True, default="")
    definition_id = models.BigIntegerField(null=True, blank=True)
    run_id = models.UUIDField(null=True, blank=True)
    facts = models.JSONField(default=dict)
    happened_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    routed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_notify_message"
        indexes = [
            models.Index(
                fields=["id"], condition=Q(routed_at__isnull=True), name="scheduler_notify_unrouted"
            ),
            models.Index(fields=["created_at"], name="scheduler_notify_msg_age"),
        ]

    def __str__(self) -> str:
        return self.dedupe_key


class NotifyNotice(models.Model):
    """What goes to one channel, once. A sender holds it while ``lease_until`` lies ahead; ``claim``
    says which one."""

    class State(models.TextChoices):
        OPEN = "open"
        SENT = "sent"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True)
    channel = models.CharField(max_length=10)
    route = models.CharField(max_length=100)
    form = models.CharField(max_length=10)
    state = models.CharField(max_length=4, choices=State.choices, default=State.OPEN)
    formed_at = models.DateTimeField()
    queued_at = models.DateTimeField(help_text="Its time until it is given up counts from here.")
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        db_table = "scheduler_notify_notice"
        indexes = [
            models.Index(
                fields=["channel", "next_attempt_at"],
                condition=Q(state="open"),
                name="scheduler_notify_due",
            ),
            models.Index(fields=["route", "channel", "formed_at"], name="scheduler_notify_rate"),
            models.Index(
                fields=["formed_at"], condition=Q(state="dead"), name="scheduler_notify_dead"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.channel})"


class NotifyDelivery(models.Model):
    """A message on its way to a channel: it waits until it is part of a notice."""

    message = models.ForeignKey(NotifyMessage, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10)
    route = models.CharField(max_length=100)
    group_key = models.CharField(max_length=600, blank=True)
    since = models.DateTimeField()
    held_at = models.DateTimeField(null=True, blank=True, help_text="A limit has held it back.")
    notice = models.ForeignKey(
        NotifyNotice, null=True, blank=True, on_delete=models.CASCADE, related_name="deliveries"
    )

    class Meta:
        db_table = "scheduler_notify_delivery"
        constraints = [
            models.UniqueConstraint(fields=["message", "channel"], name="scheduler_notify_once")
        ]
        indexes = [
            models.Index(
                fields=["channel", "route", "id"],
                condition=Q(notice__isnull=True),
                name="scheduler_notify_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} to {self.channel}"


class NotifyFailingJob(models.Model):
    """A job that has failed and not succeeded since: its recovery is owed to those who heard."""

    definition_id = models.BigIntegerField(primary_key=True)
    job = models.CharField(max_length=200)
    since = models.DateTimeField()
    last_run_id = models.UUIDField()
    last_failed_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=1)
    heard = models.JSONField(
        null=True, blank=True, help_text="The route by which each channel heard; empty: not known."
    )

    class Meta:
        db_table = "scheduler_notify_failing_job"

    def __str__(self) -> str:
        return self.job
