import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def set_storage(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Rows come and go: on PostgreSQL, autovacuum comes by their number."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE scheduler_upstream_end SET"
            " (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000)"
        )


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler", "0005_calendars"),
    ]

    operations = [
        migrations.CreateModel(
            name="UpstreamEnd",
            fields=[
                ("run_id", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "scheduler_upstream_end",
            },
        ),
        migrations.CreateModel(
            name="Dependency",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "match",
                    models.CharField(
                        choices=[
                            ("same_slot", "The same slot"),
                            ("latest", "The latest slot at or before"),
                        ],
                        db_default="same_slot",
                        max_length=16,
                    ),
                ),
                (
                    "on_failure",
                    models.CharField(
                        choices=[
                            ("skip", "Skip the run"),
                            ("wait", "Wait until it succeeds after all"),
                            ("run", "Run anyway"),
                        ],
                        db_default="skip",
                        help_text="What an upstream that failed, was skipped or canceled does to the run.",
                        max_length=8,
                    ),
                ),
                (
                    "max_age_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="How much older than the run's the latest slot may be; empty: any age.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "max_wait_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="How long after its due time the run waits at most; empty: no limit.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "definition",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dependencies",
                        to="scheduler.jobdefinition",
                    ),
                ),
                (
                    "upstream",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dependents",
                        to="scheduler.jobdefinition",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "dependencies",
                "db_table": "scheduler_dependency",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("definition", "upstream"), name="scheduler_dependency_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("definition", models.F("upstream")), _negated=True),
                        name="scheduler_dependency_other",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("match__in", ["latest", "same_slot"])),
                        name="scheduler_dependency_match",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("on_failure__in", ["run", "skip", "wait"])),
                        name="scheduler_dependency_failure",
                    ),
                ],
            },
        ),
        migrations.RunPython(set_storage, migrations.RunPython.noop),
    ]
