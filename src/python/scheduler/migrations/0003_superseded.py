from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0002_replayed_timeline")]

    operations = [
        migrations.AddField(
            model_name="jobdefinition",
            name="superseded",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                editable=False,
                help_text="Schedules edited away while nobody planned; their slots are still owed.",
            ),
        ),
    ]
