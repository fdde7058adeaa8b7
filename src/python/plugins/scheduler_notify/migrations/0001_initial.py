import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="NotifyFailingJob",
            fields=[
                ("definition_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("job", models.CharField(max_length=200)),
                ("since", models.DateTimeField()),
                ("last_run_id", models.UUIDField()),
                ("last_failed_at", models.DateTimeField()),
                ("failures", models.PositiveIntegerField(default=1)),
            ],
            options={
                "db_table": "scheduler_notify_failing_job",
            },
        ),
        migrations.CreateModel(
            name="NotifyMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("dedupe_key", models.CharField(max_length=255, unique=True)),
                ("kind", models.CharField(max_length=20)),
                ("severity", models.CharField(max_length=10)),
                ("resolved", models.BooleanField(default=False)),
                ("subject", models.CharField(max_length=255)),
                ("job", models.CharField(blank=True, default="", max_length=200)),
                ("definition_id", models.BigIntegerField(blank=True, null=True)),
                ("run_id", models.UUIDField(blank=True, null=True)),
                ("facts", models.JSONField(default=dict)),
                ("happened_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("routed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_notify_message",
                "indexes": [
                    models.Index(
                        condition=models.Q(("routed_at__isnull", True)),
                        fields=["id"],
                        name="scheduler_notify_unrouted",
                    ),
                    models.Index(fields=["created_at"], name="scheduler_notify_msg_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="NotifyNotice",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("channel", models.CharField(max_length=10)),
                ("route", models.CharField(max_length=100)),
                ("form", models.CharField(max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("sent", "Sent"), ("dead", "Dead")],
                        default="open",
                        max_length=4,
                    ),
                ),
                ("formed_at", models.DateTimeField()),
                (
                    "queued_at",
                    models.DateTimeField(
                        help_text="Its time until it is given up counts from here."
                    ),
                ),
                ("next_attempt_at", models.DateTimeField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("claim", models.UUIDField(blank=True, null=True)),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, default="")),
            ],
            options={
                "db_table": "scheduler_notify_notice",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["channel", "next_attempt_at"],
                        name="scheduler_notify_due",
                    ),
                    models.Index(
                        fields=["route", "channel", "formed_at"], name="scheduler_notify_rate"
                    ),
                    models.Index(
                        condition=models.Q(("state", "dead")),
                        fields=["formed_at"],
                        name="scheduler_notify_dead",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NotifyDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel", models.CharField(max_length=10)),
                ("route", models.CharField(max_length=100)),
                ("group_key", models.CharField(blank=True, max_length=600)),
                ("since", models.DateTimeField()),
                (
                    "held_at",
                    models.DateTimeField(
                        blank=True, help_text="A limit has held it back.", null=True
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="scheduler_notify.notifymessage",
                    ),
                ),
                (
                    "notice",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="scheduler_notify.notifynotice",
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_notify_delivery",
                "indexes": [
                    models.Index(
                        condition=models.Q(("notice__isnull", True)),
                        fields=["channel", "route", "id"],
                        name="scheduler_notify_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "channel"), name="scheduler_notify_once"
                    )
                ],
            },
        ),
    ]
