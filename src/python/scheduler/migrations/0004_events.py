import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0003_superseded")]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9][A-Za-z0-9_.:@/-]*\\Z",
                                "Use letters, digits and _ . : @ / - only, and begin with a letter or digit.",
                            )
                        ],
                    ),
                ),
                ("prefix", models.CharField(max_length=16, unique=True)),
                ("digest", models.CharField(max_length=64)),
                (
                    "old_prefix",
                    models.CharField(blank=True, db_default="", default="", max_length=16),
                ),
                (
                    "old_digest",
                    models.CharField(blank=True, db_default="", default="", max_length=64),
                ),
                ("old_valid_until", models.DateTimeField(blank=True, null=True)),
                (
                    "scopes",
                    models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
                ),
                (
                    "created_by",
                    models.CharField(blank=True, db_default="", default="", max_length=150),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("rotated_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_api_token",
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("name",),
                        name="scheduler_token_name",
                        violation_error_message="A token of this name is in use already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EventTrigger",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("event_type", models.CharField(max_length=202)),
                (
                    "source",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                (
                    "subject",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                (
                    "conditions",
                    models.JSONField(
                        blank=True, db_default=models.Value([], models.JSONField()), default=list
                    ),
                ),
                (
                    "args",
                    models.JSONField(
                        blank=True, db_default=models.Value({}, models.JSONField()), default=dict
                    ),
                ),
                (
                    "definition",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="triggers",
                        to="scheduler.jobdefinition",
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_event_trigger",
                "ordering": ["definition", "position"],
                "indexes": [models.Index(fields=["event_type"], name="scheduler_trigger_type")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("definition", "position"), name="scheduler_trigger_position"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="event",
            name="attributes",
            field=models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="Of a CloudEvent: its content type, schema and extensions.",
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="runs",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="The runs that it started, as its poster was told: a list of [job, run id].",
            ),
        ),
        migrations.AddField(
            model_name="jobrundetail",
            name="event_id",
            field=models.UUIDField(
                blank=True, help_text="The event that started it, or the run it repeats.", null=True
            ),
        ),
        migrations.AddField(
            model_name="runrequest",
            name="event_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.RemoveConstraint(model_name="runrequest", name="scheduler_request_kind"),
        migrations.AlterField(
            model_name="runrequest",
            name="kind",
            field=models.CharField(
                choices=[
                    ("run_now", "Run now"),
                    ("rerun", "Run again"),
                    ("backfill", "Backfill"),
                    ("event", "Event"),
                ],
                db_default="run_now",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="runrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["backfill", "event", "rerun", "run_now"])),
                name="scheduler_request_kind",
            ),
        ),
    ]
