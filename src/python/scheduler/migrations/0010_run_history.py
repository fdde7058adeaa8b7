"""The index of a job's history, built while runs go on."""

from django.db import migrations, models

from scheduler.migrations._indexes import AddIndexBesideWrites


class Migration(migrations.Migration):
    # CREATE INDEX CONCURRENTLY cannot be part of a transaction.
    atomic = False

    dependencies = [
        ("scheduler", "0009_api"),
    ]

    operations = [
        AddIndexBesideWrites(
            model_name="jobrun",
            index=models.Index(fields=["definition", "-id"], name="scheduler_run_history"),
        ),
    ]
