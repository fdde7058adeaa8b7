from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="workerlease",
            name="replayed_timeline",
            field=models.IntegerField(
                db_default=0,
                default=0,
                help_text="PostgreSQL's timeline up to which it replayed its journal; 0: unknown.",
            ),
        ),
    ]
