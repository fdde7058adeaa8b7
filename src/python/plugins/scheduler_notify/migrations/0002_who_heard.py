from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler_notify", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="notifyfailingjob",
            name="heard",
            field=models.JSONField(
                blank=True,
                help_text="The route by which each channel heard; empty: not known.",
                null=True,
            ),
        ),
    ]
