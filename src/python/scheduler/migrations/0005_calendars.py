import django.db.models.functions.datetime
from django.db import migrations, models

import scheduler.models.calendars


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler", "0004_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="Calendar",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("description", models.TextField(blank=True, db_default="", default="")),
                (
                    "weekly_days_off",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value(["sat", "sun"], models.JSONField()),
                        default=scheduler.models.calendars.weekend,
                        help_text='Days of the week that are not worked, for example ["sat", "sun"].',
                    ),
                ),
                (
                    "country",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Whose public holidays are off, for example JP; empty: nobody's.",
                        max_length=2,
                    ),
                ),
                (
                    "holidays",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        editable=False,
                        help_text="Public holidays by date, taken from the package named in holidays_source.",
                    ),
                ),
                (
                    "holidays_from",
                    models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
                ),
                (
                    "holidays_until",
                    models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
                ),
                (
                    "holidays_source",
                    models.CharField(
                        blank=True, db_default="", default="", editable=False, max_length=100
                    ),
                ),
                (
                    "days",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        help_text='Days off and extra working days by date, for example {"2026-12-29": {"open": false, "note": "年末休業"}}.',
                    ),
                ),
                (
                    "revision",
                    models.PositiveBigIntegerField(db_default=1, default=1, editable=False),
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
                "db_table": "scheduler_calendar",
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="jobdefinition",
            name="calendar_rule",
            field=models.CharField(
                choices=[
                    ("only", "Skip days that are not worked"),
                    ("next", "Move to the next business day"),
                    ("previous", "Move to the previous business day"),
                ],
                db_default="only",
                default="only",
                help_text="What becomes of a slot on a day that is not worked by the calendar.",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="jobdefinition",
            name="calendar",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The name of a business calendar; empty: every day is alike.",
                max_length=100,
            ),
        ),
        migrations.AddConstraint(
            model_name="jobdefinition",
            constraint=models.CheckConstraint(
                condition=models.Q(("calendar_rule__in", ["next", "only", "previous"])),
                name="scheduler_definition_calendar",
            ),
        ),
    ]
