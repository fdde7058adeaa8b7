import django.core.validators
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler", "0006_dependencies"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
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
                ("code", models.CharField(max_length=40)),
                ("severity", models.CharField(max_length=16)),
                ("definition_id", models.BigIntegerField(blank=True, null=True)),
                (
                    "job_name",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("text", models.TextField()),
                ("since", models.DateTimeField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "scheduler_alert",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="JobStart",
            fields=[
                ("run_id", models.UUIDField(primary_key=True, serialize=False)),
                ("definition_id", models.BigIntegerField()),
                ("is_retry", models.BooleanField(db_default=False, default=False)),
            ],
            options={
                "db_table": "scheduler_job_start",
            },
        ),
        migrations.AddField(
            model_name="cluster",
            name="pause_reason",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="cluster",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="cluster",
            name="paused_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        migrations.AddField(
            model_name="jobdefinition",
            name="failures_in_row",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="Counted while quarantine_after_failures is set.",
            ),
        ),
        migrations.AddField(
            model_name="jobdefinition",
            name="quarantine_after_failures",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="So many slots that failed for good in a row quarantine the job. Empty: never.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="jobdefinition",
            name="quarantine_reason",
            field=models.TextField(blank=True, db_default="", default="", editable=False),
        ),
        migrations.AddField(
            model_name="jobdefinition",
            name="retry_budget_per_hour",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="At most so many retries in any hour; as many more wait, the rest is given up. Empty: no budget.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="jobdefinition",
            name="start_cap_per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="At most so many starts in any 60 seconds; the others wait. Empty: no cap.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AlterField(
            model_name="jobdefinition",
            name="quarantined_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="jobdefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("start_cap_per_minute__isnull", True),
                    ("start_cap_per_minute__gte", 1),
                    _connector="OR",
                ),
                name="scheduler_definition_start_cap",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobdefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("retry_budget_per_hour__isnull", True),
                    ("retry_budget_per_hour__gte", 1),
                    _connector="OR",
                ),
                name="scheduler_definition_retry_budget",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobdefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quarantine_after_failures__isnull", True),
                    ("quarantine_after_failures__gte", 1),
                    _connector="OR",
                ),
                name="scheduler_definition_failures",
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["definition_id", "code", "at"], name="scheduler_alert_job"),
        ),
        migrations.AddIndex(
            model_name="jobstart",
            index=models.Index(fields=["definition_id"], name="scheduler_job_start_job"),
        ),
    ]
