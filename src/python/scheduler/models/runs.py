"""JobRun and what belongs to it: the side table, requests for runs, events."""

from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from scheduler.domain.values import FINISHED_STATES, RunState
from scheduler.models.choices import RUN_STATES, RequestKind, one_of
from scheduler.models.cluster import EMPTY_LIST, EMPTY_OBJECT
from scheduler.models.definitions import JobDefinition


def new_id() -> UUID:
    """A UUIDv7: ids of rows rise with the time of their making."""
    return uuid7()


class JobRun(models.Model):
    """One planned occurrence at one attempt. Narrow: what is long stands in JobRunDetail.

    No index and no index condition names a column that changes on the way from PENDING to
    RUNNING, so that PostgreSQL updates the row in place (HOT). Writes: ``scheduler.store`` only.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    definition = models.ForeignKey(
        JobDefinition, on_delete=models.PROTECT, related_name="runs", db_index=False
    )
    slot_key = models.TextField()
    attempt = models.PositiveIntegerField(default=1, db_default=1)
    state = models.CharField(
        max_length=16, choices=RUN_STATES, default="PENDING", db_default="PENDING"
    )
    reason = models.CharField(max_length=32, blank=True, default="", db_default="")
    scheduled_for = models.DateTimeField()
    scheduled_until = models.DateTimeField(null=True, blank=True)
    slot_count = models.PositiveIntegerField(default=1, db_default=1)
    due_at = models.DateTimeField()
    worker_id = models.CharField(max_length=100, null=True, blank=True)
    assign_seq = models.BigIntegerField(default=0, db_default=0)
    assigned_at = models.DateTimeField(null=True, blank=True)
    claim_token = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    orphan_count = models.PositiveIntegerField(default=0, db_default=0)
    retry_due_at = models.DateTimeField(null=True, blank=True)
    retry_of = models.UUIDField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_job_run"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["definition", "slot_key", "attempt"], name="scheduler_run_slot"
            ),
            one_of("state", RunState, "scheduler_run_state"),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=False, state__in=sorted(FINISHED_STATES))
                | Q(finished_at__isnull=True) & ~Q(state__in=sorted(FINISHED_STATES)),
                name="scheduler_run_finished",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(finished_at__isnull=True), name="scheduler_run_open"
            ),
            models.Index(
                fields=["retry_due_at"],
                condition=Q(retry_due_at__isnull=False),
                name="scheduler_run_retry",
            ),
            # A job's history, newest first; neither column ever changes.
            models.Index(fields=["definition", "-id"], name="scheduler_run_history"),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class JobRunDetail(models.Model):
    """What is long or rare about a run; a row exists once there is something to say."""

    run = models.OneToOneField(
        JobRun,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="detail",
    )
    args = models.JSONField(null=True, blank=True)
    event_id = models.UUIDField(
        null=True, blank=True, help_text="The event that started it, or the run it repeats."
    )
    reason_detail = models.TextField(blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    log_ref = models.TextField(blank=True, default="", db_default="")
    cpu_user_seconds = models.FloatField(null=True, blank=True)
    cpu_system_seconds = models.FloatField(null=True, blank=True)
    max_rss_bytes = models.BigIntegerField(null=True, blank=True)
    read_bytes = models.BigIntegerField(null=True, blank=True)
    write_bytes = models.BigIntegerField(null=True, blank=True)
    late_result = models.JSONField(
        null=True, blank=True, help_text="A result that came after the run's outcome was settled."
    )

    class Meta:
        db_table = "scheduler_job_run_detail"

    def __str__(self) -> str:
        return str(self.run_id)


class RunRequest(models.Model):
    """A wish for a run, from a person or a caller; the leader turns it into a row of JobRun."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(
        max_length=16, choices=RequestKind.choices, db_default=RequestKind.RUN_NOW.value
    )
    definition = models.ForeignKey(JobDefinition, on_delete=models.PROTECT, db_index=False)
    slot_key = models.TextField()
    scheduled_for = models.DateTimeField()
    args = models.JSONField(null=True, blank=True)
    rerun_of = models.UUIDField(null=True, blank=True)
    event_id = models.UUIDField(null=True, blank=True)
    requested_by = models.CharField(max_length=200, blank=True, db_default="")
    requested_at = models.DateTimeField(db_default=Now())
    handled_at = models.DateTimeField(null=True, blank=True)
    run_id = models.UUIDField(null=True, blank=True)
    idempotency_key = models.TextField(
        null=True, blank=True, help_text="The requester's own: the same again is this request."
    )

    class Meta:
        db_table = "scheduler_run_request"
        constraints = [
            one_of("kind", RequestKind.values, "scheduler_request_kind"),
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="scheduler_request_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_at"],
                condition=Q(handled_at__isnull=True),
                name="scheduler_request_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.slot_key}"


class Event(models.Model):
    """A fact posted from outside that can trigger definitions.

    Written with the requests for its runs in one transaction (``requests.events``): where the row
    is, it is handled."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=200)
    source = models.CharField(max_length=200, blank=True, default="", db_default="")
    subject = models.CharField(max_length=200, blank=True, default="", db_default="")
    dedupe_key = models.CharField(max_length=255, null=True, blank=True)
    payload = models.JSONField(null=True, blank=True)
    attributes = models.JSONField(
        blank=True,
        default=dict,
        db_default=EMPTY_OBJECT,
        help_text="Of a CloudEvent: its content type, schema and extensions.",
    )
    runs = models.JSONField(
        blank=True,
        default=list,
        db_default=EMPTY_LIST,
        help_text="The runs that it started, as its poster was told: a list of [job, run id].",
    )
    occurred_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    received_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_event"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "dedupe_key"],
                condition=Q(dedupe_key__isnull=False),
                name="scheduler_event_dedupe",
            )
        ]
        indexes = [
            models.Index(
                fields=["received_at"],
                condition=Q(handled_at__isnull=True),
                name="scheduler_event_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
