"""Archived logs of which plugins are to be told."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler", "0011_plugin_state"),
    ]

    operations = [
        migrations.CreateModel(
            name="ArchivedLogOutbox",
            fields=[
                (
                    "id",
                    models.BigAutoField(primary_key=True, serialize=False),
                ),
                (
                    "xid",
                    models.BigIntegerField(
                        db_default=0,
                        default=0,
                        help_text="PostgreSQL's transaction id; 0 on SQLite.",
                    ),
                ),
                ("run_id", models.UUIDField()),
                ("log_ref", models.TextField()),
                ("at", models.DateTimeField(db_default=Now())),
            ],
            options={"db_table": "scheduler_archived_outbox"},
        ),
    ]
