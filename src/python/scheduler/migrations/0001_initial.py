import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

import scheduler.domain.values
import scheduler.models.runs
from scheduler.migrations._storage import make_cluster_row, set_storage


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ConfigReloadRequest",
            fields=[
                ("revision", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "requested_by",
                    models.CharField(blank=True, db_default="", default="", max_length=150),
                ),
                (
                    "requested_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "keys",
                    models.JSONField(
                        db_default=models.Value([], models.JSONField()),
                        default=list,
                        help_text="The settings that changed.",
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_config_reload",
                "ordering": ["-revision"],
            },
        ),
        migrations.CreateModel(
            name="JobRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=scheduler.models.runs.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("slot_key", models.TextField()),
                ("attempt", models.PositiveIntegerField(db_default=1, default=1)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PENDING", "PENDING"),
                            ("ASSIGNED", "ASSIGNED"),
                            ("RUNNING", "RUNNING"),
                            ("SUCCEEDED", "SUCCEEDED"),
                            ("FAILED", "FAILED"),
                            ("TIMED_OUT", "TIMED_OUT"),
                            ("CANCELED", "CANCELED"),
                            ("ORPHANED", "ORPHANED"),
                            ("SKIPPED", "SKIPPED"),
                        ],
                        db_default="PENDING",
                        default="PENDING",
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("scheduled_for", models.DateTimeField()),
                ("scheduled_until", models.DateTimeField(blank=True, null=True)),
                ("slot_count", models.PositiveIntegerField(db_default=1, default=1)),
                ("due_at", models.DateTimeField()),
                ("worker_id", models.CharField(blank=True, max_length=100, null=True)),
                ("assign_seq", models.BigIntegerField(db_default=0, default=0)),
                ("assigned_at", models.DateTimeField(blank=True, null=True)),
                ("claim_token", models.UUIDField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("cancel_requested_at", models.DateTimeField(blank=True, null=True)),
                ("exit_code", models.IntegerField(blank=True, null=True)),
                ("orphan_count", models.PositiveIntegerField(db_default=0, default=0)),
                ("retry_due_at", models.DateTimeField(blank=True, null=True)),
                ("retry_of", models.UUIDField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_job_run",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="OutboxCursor",
            fields=[
                ("plugin", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("xid_low", models.BigIntegerField(db_default=0, default=0)),
                ("xid_high", models.BigIntegerField(db_default=0, default=0)),
                ("last_id", models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                "db_table": "scheduler_outbox_cursor",
            },
        ),
        migrations.CreateModel(
            name="RunTransitionOutbox",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "xid",
                    models.BigIntegerField(
                        db_default=0,
                        default=0,
                        help_text="PostgreSQL's transaction id; 0 on SQLite.",
                    ),
                ),
                ("run_id", models.UUIDField()),
                ("definition_id", models.BigIntegerField()),
                ("attempt", models.PositiveIntegerField()),
                (
                    "old_state",
                    models.CharField(
                        choices=[
                            ("PENDING", "PENDING"),
                            ("ASSIGNED", "ASSIGNED"),
                            ("RUNNING", "RUNNING"),
                            ("SUCCEEDED", "SUCCEEDED"),
                            ("FAILED", "FAILED"),
                            ("TIMED_OUT", "TIMED_OUT"),
                            ("CANCELED", "CANCELED"),
                            ("ORPHANED", "ORPHANED"),
                            ("SKIPPED", "SKIPPED"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "new_state",
                    models.CharField(
                        choices=[
                            ("PENDING", "PENDING"),
                            ("ASSIGNED", "ASSIGNED"),
                            ("RUNNING", "RUNNING"),
                            ("SUCCEEDED", "SUCCEEDED"),
                            ("FAILED", "FAILED"),
                            ("TIMED_OUT", "TIMED_OUT"),
                            ("CANCELED", "CANCELED"),
                            ("ORPHANED", "ORPHANED"),
                            ("SKIPPED", "SKIPPED"),
                        ],
                        max_length=16,
                    ),
                ),
                ("worker_id", models.CharField(blank=True, max_length=100, null=True)),
                ("reason", models.CharField(blank=True, db_default="", default="", max_length=32)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "scheduler_run_outbox",
            },
        ),
        migrations.CreateModel(
            name="SchedulerSetting",
            fields=[
                ("key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("value", models.TextField(blank=True)),
                (
                    "updated_by",
                    models.CharField(blank=True, db_default="", default="", max_length=150),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "db_table": "scheduler_setting",
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="SchedulerSettingHelp",
            fields=[
                ("key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                (
                    "title_en",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                (
                    "title_ja",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("meaning_en", models.TextField(blank=True, db_default="", default="")),
                ("meaning_ja", models.TextField(blank=True, db_default="", default="")),
                ("impact_en", models.TextField(blank=True, db_default="", default="")),
                ("impact_ja", models.TextField(blank=True, db_default="", default="")),
                ("limits_en", models.TextField(blank=True, db_default="", default="")),
                ("limits_ja", models.TextField(blank=True, db_default="", default="")),
                ("min_value", models.FloatField(blank=True, null=True)),
                ("max_value", models.FloatField(blank=True, null=True)),
                (
                    "example",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("secret", models.BooleanField(db_default=False, default=False)),
                ("restart_needed", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "db_table": "scheduler_setting_help",
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="AdminActionLog",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor", models.CharField(blank=True, db_default="", default="", max_length=150)),
                (
                    "action",
                    models.CharField(help_text="For example setting_changed.", max_length=64),
                ),
                ("target", models.CharField(blank=True, db_default="", default="", max_length=200)),
                (
                    "detail",
                    models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
                ),
            ],
            options={
                "db_table": "scheduler_admin_action",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["at"], name="scheduler_admin_action_at")],
            },
        ),
        migrations.CreateModel(
            name="Cluster",
            fields=[
                (
                    "id",
                    models.SmallIntegerField(
                        db_default=1, default=1, primary_key=True, serialize=False
                    ),
                ),
                ("epoch", models.BigIntegerField(db_default=0, default=0)),
                ("term_id", models.UUIDField(blank=True, null=True)),
                ("term_started_at", models.DateTimeField(blank=True, null=True)),
                ("leader_worker_id", models.CharField(blank=True, max_length=100, null=True)),
                (
                    "leader_address",
                    models.CharField(blank=True, db_default="", default="", max_length=255),
                ),
                ("leader_seen_at", models.DateTimeField(blank=True, null=True)),
                ("released", models.BooleanField(db_default=False, default=False)),
                ("subleader_worker_id", models.CharField(blank=True, max_length=100, null=True)),
                ("trust_seconds", models.FloatField(db_default=0.0, default=0.0)),
                ("backend_pid", models.IntegerField(blank=True, null=True)),
                (
                    "backend_started_at",
                    models.FloatField(
                        blank=True,
                        help_text="On SQLite: start of the leader's process, epoch seconds.",
                        null=True,
                    ),
                ),
                ("flaps", models.IntegerField(db_default=0, default=0)),
                ("hold_seq", models.BigIntegerField(db_default=0, default=0)),
                ("paused", models.BooleanField(db_default=False, default=False)),
                ("config_revision", models.BigIntegerField(db_default=0, default=0)),
                ("degrade_requested", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "db_table": "scheduler_cluster",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="scheduler_cluster_single_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=scheduler.models.runs.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("type", models.CharField(max_length=200)),
                ("source", models.CharField(blank=True, db_default="", default="", max_length=200)),
                (
                    "subject",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("dedupe_key", models.CharField(blank=True, max_length=255, null=True)),
                ("payload", models.JSONField(blank=True, null=True)),
                ("occurred_at", models.DateTimeField(blank=True, null=True)),
                (
                    "received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "received_by",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("handled_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_event",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("handled_at__isnull", True)),
                        fields=["received_at"],
                        name="scheduler_event_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("dedupe_key__isnull", False)),
                        fields=("source", "dedupe_key"),
                        name="scheduler_event_dedupe",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JobDefinition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True, db_default="", default="")),
                ("enabled", models.BooleanField(db_default=True, default=True)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "provenance",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Where the definition comes from: empty for a person, else the code or file.",
                        max_length=200,
                    ),
                ),
                (
                    "executor",
                    models.CharField(
                        db_default="management_command",
                        default="management_command",
                        max_length=100,
                    ),
                ),
                (
                    "command_name",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="A management command.",
                        max_length=200,
                    ),
                ),
                (
                    "default_args_json",
                    models.JSONField(
                        blank=True,
                        help_text="A list of arguments, or an object of options, as JSON; empty: none.",
                        null=True,
                    ),
                ),
                (
                    "isolation",
                    models.CharField(
                        choices=[("fork", "Fork of the warm server"), ("exec", "New interpreter")],
                        db_default="fork",
                        default="fork",
                        max_length=8,
                    ),
                ),
                (
                    "schedule",
                    models.JSONField(
                        blank=True,
                        help_text='For example {"kind": "cron", "expression": "*/5 * * * *"}; empty: by hand only.',
                        null=True,
                    ),
                ),
                ("timezone", models.CharField(db_default="UTC", default="UTC", max_length=64)),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                (
                    "calendar",
                    models.CharField(blank=True, db_default="", default="", max_length=100),
                ),
                (
                    "misfire_policy",
                    models.CharField(
                        choices=[
                            ("skip", "Skip what was missed"),
                            ("run_once", "Run once for all that was missed"),
                            ("run_all", "Run each that was missed"),
                        ],
                        db_default="run_once",
                        default="run_once",
                        max_length=16,
                    ),
                ),
                (
                    "skip_late_after_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: SCHEDULER_SKIP_LATE_RUNS_AFTER_SECONDS.",
                        null=True,
                    ),
                ),
                (
                    "concurrency_policy",
                    models.CharField(
                        choices=[
                            ("allow", "Allow runs side by side"),
                            ("forbid", "Skip while one is open"),
                            ("replace", "Cancel the older, then run"),
                        ],
                        db_default="allow",
                        default="allow",
                        max_length=16,
                    ),
                ),
                (
                    "max_parallel",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "priority",
                    models.IntegerField(db_default=0, default=0, help_text="Higher goes first."),
                ),
                (
                    "queue",
                    models.CharField(db_default="default", default="default", max_length=100),
                ),
                (
                    "required_labels",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        help_text='Labels that the worker must have, for example {"zone": "a"}.',
                    ),
                ),
                (
                    "timeout_seconds",
                    models.FloatField(
                        blank=True,
                        help_text="Empty: none.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0.001)],
                    ),
                ),
                (
                    "kill_grace_seconds",
                    models.FloatField(
                        db_default=10.0,
                        default=10.0,
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                (
                    "max_attempts",
                    models.PositiveIntegerField(
                        db_default=1,
                        default=1,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "backoff_seconds",
                    models.FloatField(
                        db_default=10.0,
                        default=10.0,
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                (
                    "backoff_factor",
                    models.FloatField(
                        db_default=2.0,
                        default=2.0,
                        validators=[django.core.validators.MinValueValidator(1.0)],
                    ),
                ),
                (
                    "backoff_max_seconds",
                    models.FloatField(
                        db_default=600.0,
                        default=600.0,
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                (
                    "jitter",
                    models.FloatField(
                        db_default=0.1,
                        default=0.1,
                        help_text="Share of the delay by which it may vary: 0.1 is plus or minus a tenth.",
                        validators=[django.core.validators.MinValueValidator(0.0)],
                    ),
                ),
                ("retry_on_orphan", models.BooleanField(db_default=True, default=True)),
                ("max_orphans", models.PositiveIntegerField(db_default=2, default=2)),
                ("quarantined_at", models.DateTimeField(blank=True, null=True)),
                (
                    "revision",
                    models.PositiveBigIntegerField(db_default=1, default=1, editable=False),
                ),
                (
                    "edited_at",
                    models.DateTimeField(
                        blank=True,
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                        help_text="When the schedule was changed, until the leader has planned it anew.",
                        null=True,
                    ),
                ),
                (
                    "schedule_since",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                        help_text="The present schedule makes no slot at or before this instant.",
                    ),
                ),
                (
                    "planned_until",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                        help_text="The cursor: each slot up to here has its row.",
                    ),
                ),
                (
                    "next_fire_at",
                    models.DateTimeField(
                        blank=True,
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                        help_text="When the planner must look at this definition; empty: never.",
                        null=True,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_job_definition",
                "ordering": ["name"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_fire_at__isnull", False)),
                        fields=["next_fire_at"],
                        name="scheduler_definition_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("name",),
                        name="scheduler_definition_name",
                        violation_error_message="A job of this name exists already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("isolation__in", ["exec", "fork"])),
                        name="scheduler_definition_isolation",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("misfire_policy__in", ["run_all", "run_once", "skip"])),
                        name="scheduler_definition_misfire",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("concurrency_policy__in", ["allow", "forbid", "replace"])
                        ),
                        name="scheduler_definition_policy",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("max_attempts__gte", 1)),
                        name="scheduler_definition_attempts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JobRunDetail",
            fields=[
                (
                    "run",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="detail",
                        serialize=False,
                        to="scheduler.jobrun",
                    ),
                ),
                ("args", models.JSONField(blank=True, null=True)),
                ("reason_detail", models.TextField(blank=True, db_default="", default="")),
                ("error", models.TextField(blank=True, db_default="", default="")),
                ("log_ref", models.TextField(blank=True, db_default="", default="")),
                ("cpu_user_seconds", models.FloatField(blank=True, null=True)),
                ("cpu_system_seconds", models.FloatField(blank=True, null=True)),
                ("max_rss_bytes", models.BigIntegerField(blank=True, null=True)),
                ("read_bytes", models.BigIntegerField(blank=True, null=True)),
                ("write_bytes", models.BigIntegerField(blank=True, null=True)),
                (
                    "late_result",
                    models.JSONField(
                        blank=True,
                        help_text="A result that came after the run's outcome was settled.",
                        null=True,
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_job_run_detail",
            },
        ),
        migrations.AddField(
            model_name="jobrun",
            name="definition",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="runs",
                to="scheduler.jobdefinition",
            ),
        ),
        migrations.CreateModel(
            name="RunRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=scheduler.models.runs.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("run_now", "Run now"),
                            ("rerun", "Run again"),
                            ("backfill", "Backfill"),
                        ],
                        db_default="run_now",
                        max_length=16,
                    ),
                ),
                ("slot_key", models.TextField()),
                ("scheduled_for", models.DateTimeField()),
                ("args", models.JSONField(blank=True, null=True)),
                ("rerun_of", models.UUIDField(blank=True, null=True)),
                ("requested_by", models.CharField(blank=True, db_default="", max_length=200)),
                (
                    "requested_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("handled_at", models.DateTimeField(blank=True, null=True)),
                ("run_id", models.UUIDField(blank=True, null=True)),
                (
                    "definition",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="scheduler.jobdefinition",
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_run_request",
            },
        ),
        migrations.CreateModel(
            name="WorkerLease",
            fields=[
                ("worker_id", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("node_id", models.CharField(max_length=255)),
                ("hostname", models.CharField(max_length=255)),
                ("pid", models.IntegerField()),
                ("grpc_address", models.CharField(max_length=255)),
                (
                    "queues",
                    models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
                ),
                (
                    "labels",
                    models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
                ),
                ("capacity", models.PositiveIntegerField()),
                ("lease_seconds", models.FloatField()),
                ("margin_seconds", models.FloatField()),
                ("protocol_version", models.IntegerField(db_default=1)),
                (
                    "capabilities",
                    models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
                ),
                (
                    "software_version",
                    models.CharField(blank=True, db_default="", default="", max_length=64),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("LIVE", "LIVE"), ("LOST", "LOST"), ("LEFT", "LEFT")],
                        db_default="LIVE",
                        default="LIVE",
                        max_length=8,
                    ),
                ),
                (
                    "desired",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("draining", "Draining"),
                            ("detached", "Detached"),
                        ],
                        db_default="active",
                        default="active",
                        max_length=16,
                    ),
                ),
                ("suspect_since", models.DateTimeField(blank=True, null=True)),
                (
                    "registered_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "renewed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("open_runs", models.IntegerField(db_default=0, default=0)),
                ("config_revision", models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                "db_table": "scheduler_worker_lease",
                "ordering": ["registered_at"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    scheduler.domain.values.LeaseState["LEFT"],
                                    scheduler.domain.values.LeaseState["LIVE"],
                                    scheduler.domain.values.LeaseState["LOST"],
                                ],
                            )
                        ),
                        name="scheduler_lease_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "desired__in",
                                [
                                    scheduler.domain.values.DesiredMode["ACTIVE"],
                                    scheduler.domain.values.DesiredMode["DETACHED"],
                                    scheduler.domain.values.DesiredMode["DRAINING"],
                                ],
                            )
                        ),
                        name="scheduler_lease_desired",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="jobrun",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", True)),
                fields=["due_at"],
                name="scheduler_run_open",
            ),
        ),
        migrations.AddIndex(
            model_name="jobrun",
            index=models.Index(
                condition=models.Q(("retry_due_at__isnull", False)),
                fields=["retry_due_at"],
                name="scheduler_run_retry",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.UniqueConstraint(
                fields=("definition", "slot_key", "attempt"), name="scheduler_run_slot"
            ),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            scheduler.domain.values.RunState["ASSIGNED"],
                            scheduler.domain.values.RunState["CANCELED"],
                            scheduler.domain.values.RunState["FAILED"],
                            scheduler.domain.values.RunState["ORPHANED"],
                            scheduler.domain.values.RunState["PENDING"],
                            scheduler.domain.values.RunState["RUNNING"],
                            scheduler.domain.values.RunState["SKIPPED"],
                            scheduler.domain.values.RunState["SUCCEEDED"],
                            scheduler.domain.values.RunState["TIMED_OUT"],
                        ],
                    )
                ),
                name="scheduler_run_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", False),
                        (
                            "state__in",
                            [
                                scheduler.domain.values.RunState["CANCELED"],
                                scheduler.domain.values.RunState["FAILED"],
                                scheduler.domain.values.RunState["ORPHANED"],
                                scheduler.domain.values.RunState["SKIPPED"],
                                scheduler.domain.values.RunState["SUCCEEDED"],
                                scheduler.domain.values.RunState["TIMED_OUT"],
                            ],
                        ),
                    ),
                    models.Q(
                        ("finished_at__isnull", True),
                        models.Q(
                            (
                                "state__in",
                                [
                                    scheduler.domain.values.RunState["CANCELED"],
                                    scheduler.domain.values.RunState["FAILED"],
                                    scheduler.domain.values.RunState["ORPHANED"],
                                    scheduler.domain.values.RunState["SKIPPED"],
                                    scheduler.domain.values.RunState["SUCCEEDED"],
                                    scheduler.domain.values.RunState["TIMED_OUT"],
                                ],
                            ),
                            _negated=True,
                        ),
                    ),
                    _connector="OR",
                ),
                name="scheduler_run_finished",
            ),
        ),
        migrations.AddIndex(
            model_name="runrequest",
            index=models.Index(
                condition=models.Q(("handled_at__isnull", True)),
                fields=["requested_at"],
                name="scheduler_request_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="runrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["backfill", "rerun", "run_now"])),
                name="scheduler_request_kind",
            ),
        ),
        migrations.RunPython(make_cluster_row, migrations.RunPython.noop),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
