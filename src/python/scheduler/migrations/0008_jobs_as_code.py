import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0007_guard")]

    operations = [
        migrations.AddField(
            model_name="jobdefinition",
            name="held_by",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Who disabled, by hand, a job that code or a file owns; empty: nobody.",
                max_length=200,
            ),
        ),
        migrations.CreateModel(
            name="CodeRevision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "applied_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("applied_by", models.CharField(max_length=200)),
                ("jobs", models.PositiveIntegerField(db_default=0, default=0)),
            ],
            options={"db_table": "scheduler_code_revision", "ordering": ["-applied_at"]},
        ),
    ]
