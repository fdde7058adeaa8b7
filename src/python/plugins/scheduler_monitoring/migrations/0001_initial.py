"""The durable tallies and their cursor; on PostgreSQL and SQLite."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("figure", models.CharField(max_length=40)),
                ("job_name", models.CharField(max_length=200)),
                ("label", models.CharField(blank=True, db_default="", default="", max_length=40)),
                ("value", models.FloatField(db_default=0.0, default=0.0)),
                (
                    "last_at",
                    models.FloatField(
                        db_default=0.0,
                        default=0.0,
                        help_text="When the newest of what it counts ended; Unix time.",
                    ),
                ),
            ],
            options={
                "db_table": "scheduler_monitoring_tally",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("figure", "job_name", "label"),
                        name="scheduler_monitoring_tally_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TallyCursor",
            fields=[
                (
                    "id",
                    models.SmallIntegerField(
                        db_default=1, default=1, primary_key=True, serialize=False
                    ),
                ),
                ("counted_until", models.UUIDField()),
                ("open_runs", models.BinaryField(default=b"")),
            ],
            options={
                "db_table": "scheduler_monitoring_cursor",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="scheduler_monitoring_one_cursor"
                    )
                ],
            },
        ),
    ]
