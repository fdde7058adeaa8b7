import django.core.validators
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0003_superseded")]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9][A-Za-z0-9_.:@/-]*\\Z",
                                "Use letters, digits and _ . : @ / - only, and begin with a letter or digit.",
                            )
                        ],
                    ),
                ),
                ("prefix", models.CharField(max_length=16, unique=True)),
                ("digest", models.CharField(max_length=64)),
                (
                    "old_prefix",
                    models.CharField(blank=True, db_default="", default="", max_length=16),
                ),
                (
                    "old_digest",
                    models.CharField(blank=True, db_default="", default="", max_length=64),
                ),
                ("old_valid_until", models.DateTimeField(blank=True, null=True)),
                (
                    "scopes",
                    models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
                ),
                (
                    "created_by",
                    models.CharField(blank=True, db_default="", default="", max_length=150),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("rotated_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "scheduler_api_token",
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("revoked_at__isnull", True)),
                        fields=("name",),
                        name="scheduler_token_name",
                        violation_error_message="A token of this name is in use already.",
                    )
                ],
            },
        ),
    ]
