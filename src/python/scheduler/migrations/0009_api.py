"""Backfills; idempotency keys of requests; the permission for secret settings."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import scheduler.models.runs


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler", "0008_jobs_as_code"),
    ]

    operations = [
        migrations.CreateModel(
            name="Backfill",
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
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("pace", models.PositiveIntegerField(db_default=1)),
                ("only_missing", models.BooleanField(db_default=True)),
                ("args", models.JSONField(blank=True, null=True)),
                ("slot_count", models.PositiveIntegerField()),
                ("requested_by", models.CharField(blank=True, db_default="", max_length=200)),
                (
                    "requested_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "fed_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When nothing was left to hand on; empty: under way.",
                        null=True,
                    ),
                ),
                ("canceled_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_backfill",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="BackfillSlot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("scheduled_for", models.DateTimeField()),
                ("slot_key", models.TextField()),
                ("request_id", models.UUIDField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_backfill_slot",
            },
        ),
        migrations.AlterModelOptions(
            name="schedulersetting",
            options={
                "ordering": ["key"],
                "permissions": [("change_secret_setting", "Can change settings that are secret")],
            },
        ),
        migrations.AddField(
            model_name="runrequest",
            name="idempotency_key",
            field=models.TextField(
                blank=True,
                help_text="The requester's own: the same again is this request.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="runrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("requested_by", "idempotency_key"),
                name="scheduler_request_once",
            ),
        ),
        migrations.AddField(
            model_name="backfill",
            name="definition",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="scheduler.jobdefinition",
            ),
        ),
        migrations.AddField(
            model_name="backfillslot",
            name="backfill",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="slots",
                to="scheduler.backfill",
            ),
        ),
        migrations.AddIndex(
            model_name="backfill",
            index=models.Index(
                condition=models.Q(("fed_at__isnull", True)),
                fields=["requested_at"],
                name="scheduler_backfill_open",
            ),
        ),
        migrations.AddIndex(
            model_name="backfillslot",
            index=models.Index(
                condition=models.Q(("request_id__isnull", True)),
                fields=["backfill", "scheduled_for"],
                name="scheduler_backfill_slot_next",
            ),
        ),
        migrations.AddConstraint(
            model_name="backfillslot",
            constraint=models.UniqueConstraint(
                fields=("backfill", "scheduled_for"), name="scheduler_backfill_slot_once"
            ),
        ),
    ]
