"""ApiToken: a named key of a machine that calls the HTTP API."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from scheduler.models.cluster import EMPTY_LIST

NAME = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9_.:@/-]*\Z",
    "Use letters, digits and _ . : @ / - only, and begin with a letter or digit.",
)


class ApiToken(models.Model):
    """A key with scopes. Its secret is shown once, at its making; here stands a digest.

    After a rotation the ``old_`` columns hold the key before it, valid until ``old_valid_until``.
    Written through ``scheduler.requests`` only (``last_used_at``: at most once a minute).
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=100, validators=[NAME])
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    old_prefix = models.CharField(max_length=16, blank=True, default="", db_default="")
    old_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    old_valid_until = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, db_default=EMPTY_LIST)
    created_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    rotated_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "scheduler_api_token"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(revoked_at__isnull=True),
                name="scheduler_token_name",
                violation_error_message="A token of this name is in use already.",
            )
        ]

    def __str__(self) -> str:
        return self.name
