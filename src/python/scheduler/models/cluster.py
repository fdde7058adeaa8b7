"""The cluster's own rows: who leads, who works, and what plugins are still to be told."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from scheduler.domain.values import DesiredMode, LeaseState
from scheduler.models.choices import DESIRED_MODES, LEASE_STATES, RUN_STATES, one_of

EMPTY_LIST = models.Value([], models.JSONField())
EMPTY_OBJECT = models.Value({}, models.JSONField())


class Cluster(models.Model):
    """One row (id 1, made by the migration): the authority over who leads."""

    id = models.SmallIntegerField(primary_key=True, default=1, db_default=1)
    epoch = models.BigIntegerField(default=0, db_default=0)
    term_id = models.UUIDField(null=True, blank=True)
    term_started_at = models.DateTimeField(null=True, blank=True)
    leader_worker_id = models.CharField(max_length=100, null=True, blank=True)
    leader_address = models.CharField(max_length=255, blank=True, default="", db_default="")
    leader_seen_at = models.DateTimeField(null=True, blank=True)
    released = models.BooleanField(default=False, db_default=False)
    subleader_worker_id = models.CharField(max_length=100, null=True, blank=True)
    trust_seconds = models.FloatField(default=0.0, db_default=0.0)
    backend_pid = models.IntegerField(null=True, blank=True)
    backend_started_at = models.FloatField(
        null=True, blank=True, help_text="On SQLite: start of the leader's process, epoch seconds."
    )
    flaps = models.IntegerField(default=0, db_default=0)
    hold_seq = models.BigIntegerField(default=0, db_default=0)
    paused = models.BooleanField(default=False, db_default=False)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    pause_reason = models.TextField(blank=True, default="", db_default="")
    config_revision = models.BigIntegerField(default=0, db_default=0)
    degrade_requested = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "scheduler_cluster"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="scheduler_cluster_single_row")
        ]

    def __str__(self) -> str:
        return f"epoch {self.epoch}, leader {self.leader_worker_id or 'none'}"


class WorkerLease(models.Model):
    """One worker process from its start to its end, and its right to go on running jobs."""

    worker_id = models.CharField(primary_key=True, max_length=100)
    node_id = models.CharField(max_length=255)
    hostname = models.CharField(max_length=255)
    pid = models.IntegerField()
    grpc_address = models.CharField(max_length=255)
    queues = models.JSONField(default=list, db_default=EMPTY_LIST)
    labels = models.JSONField(default=dict, db_default=EMPTY_OBJECT)
    capacity = models.PositiveIntegerField()
    lease_seconds = models.FloatField()
    margin_seconds = models.FloatField()
    protocol_version = models.IntegerField(db_default=1)
    capabilities = models.JSONField(default=list, db_default=EMPTY_LIST)
    software_version = models.CharField(max_length=64, blank=True, default="", db_default="")
    state = models.CharField(max_length=8, choices=LEASE_STATES, default="LIVE", db_default="LIVE")
    desired = models.CharField(
        max_length=16, choices=DESIRED_MODES, default="active", db_default="active"
    )
    suspect_since = models.DateTimeField(null=True, blank=True)
    registered_at = models.DateTimeField(db_default=Now())
    renewed_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    open_runs = models.IntegerField(default=0, db_default=0)
    config_revision = models.BigIntegerField(default=0, db_default=0)
    replayed_timeline = models.IntegerField(
        default=0,
        db_default=0,
        help_text="PostgreSQL's timeline up to which it replayed its journal; 0: unknown.",
    )

    class Meta:
        db_table = "scheduler_worker_lease"
        ordering = ["registered_at"]
        constraints = [
            one_of("state", LeaseState, "scheduler_lease_state"),
            one_of("desired", DesiredMode, "scheduler_lease_desired"),
        ]

    def __str__(self) -> str:
        return f"{self.worker_id} ({self.state})"


class RunTransitionOutbox(models.Model):
    """A change of state that some plugin asked to be told of, written with the change itself."""

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(
        default=0, db_default=0, help_text="PostgreSQL's transaction id; 0 on SQLite."
    )
    run_id = models.UUIDField()
    definition_id = models.BigIntegerField()
    attempt = models.PositiveIntegerField()
    old_state = models.CharField(max_length=16, choices=RUN_STATES)
    new_state = models.CharField(max_length=16, choices=RUN_STATES)
    worker_id = models.CharField(max_length=100, null=True, blank=True)
    reason = models.CharField(max_length=32, blank=True, default="", db_default="")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "scheduler_run_outbox"

    def __str__(self) -> str:
        return f"{self.run_id}: {self.old_state} -> {self.new_state}"


class ArchivedLogOutbox(models.Model):
    """A log that came to its archive, where some plugin is to be told; gone when all were."""

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(
        default=0, db_default=0, help_text="PostgreSQL's transaction id; 0 on SQLite."
    )
    run_id = models.UUIDField()
    log_ref = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "scheduler_archived_outbox"

    def __str__(self) -> str:
        return f"{self.run_id}: {self.log_ref}"


class OutboxCursor(models.Model):
    """How far one plugin has read the outbox: all of ``[0, xid_low)``, and of
    ``[xid_low, xid_high)`` up to ``last_id``."""

    plugin = models.CharField(primary_key=True, max_length=100)
    xid_low = models.BigIntegerField(default=0, db_default=0)
    xid_high = models.BigIntegerField(default=0, db_default=0)
    last_id = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "scheduler_outbox_cursor"

    def __str__(self) -> str:
        return f"{self.plugin}: {self.last_id}"
