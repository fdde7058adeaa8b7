"""When the certificates of workers expire."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scheduler_monitoring", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkerCertificate",
            fields=[
                (
                    "worker_id",
                    models.CharField(max_length=100, primary_key=True, serialize=False),
                ),
                ("expires_at", models.DateTimeField()),
                ("noted_at", models.DateTimeField()),
            ],
            options={"db_table": "scheduler_monitoring_certificate"},
        ),
    ]
