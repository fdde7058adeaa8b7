"""Settings in the RDB, their help, the request to apply them, and the record of who did what."""

from django.db import models
from django.db.models.functions import Now

from scheduler.models.cluster import EMPTY_LIST, EMPTY_OBJECT


class SchedulerSetting(models.Model):
    """A value given by an operator; it goes over the environment and the default.

    ``value`` is text, as in an environment variable. A secret stands here as it is: whoever can
    read the table can read it. Written through ``scheduler.requests`` only.
    """

    key = models.CharField(max_length=100, primary_key=True)
    value = models.TextField(blank=True)
    updated_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "scheduler_setting"
        ordering = ["key"]
        permissions = [("change_secret_setting", "Can change settings that are secret")]

    def __str__(self) -> str:
        return self.key


class SchedulerSettingHelp(models.Model):
    """What a setting means, in Japanese and English; seeded from the declarations.

    The key is the primary key, so that the fixture can be loaded any number of times. Staff may
    reword a text; ``scheduler_seed_setting_help --apply-defaults`` brings the shipped one back.
    """

    key = models.CharField(max_length=100, primary_key=True)
    title_en = models.CharField(max_length=200, blank=True, default="", db_default="")
    title_ja = models.CharField(max_length=200, blank=True, default="", db_default="")
    meaning_en = models.TextField(blank=True, default="", db_default="")
    meaning_ja = models.TextField(blank=True, default="", db_default="")
    impact_en = models.TextField(blank=True, default="", db_default="")
    impact_ja = models.TextField(blank=True, default="", db_default="")
    limits_en = models.TextField(blank=True, default="", db_default="")
    limits_ja = models.TextField(blank=True, default="", db_default="")
    min_value = models.FloatField(null=True, blank=True)
    max_value = models.FloatField(null=True, blank=True)
    example = models.CharField(max_length=200, blank=True, default="", db_default="")
    secret = models.BooleanField(default=False, db_default=False)
    restart_needed = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "scheduler_setting_help"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class ConfigReloadRequest(models.Model):
    """The wish that all workers read their settings again, at one revision of the cluster row.

    A worker acknowledges by ``WorkerLease.config_revision >= revision``.
    """

    revision = models.BigIntegerField(primary_key=True)
    requested_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    requested_at = models.DateTimeField(db_default=Now())
    keys = models.JSONField(
        default=list, db_default=EMPTY_LIST, help_text="The settings that changed."
    )

    class Meta:
        db_table = "scheduler_config_reload"
        ordering = ["-revision"]

    def __str__(self) -> str:
        return f"revision {self.revision}"


class AdminActionLog(models.Model):
    """What a person or a command asked for. Rows are added, never changed; no secret in them."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    actor = models.CharField(max_length=150, blank=True, default="", db_default="")
    action = models.CharField(max_length=64, help_text="For example setting_changed.")
    target = models.CharField(max_length=200, blank=True, default="", db_default="")
    detail = models.JSONField(default=dict, db_default=EMPTY_OBJECT)

    class Meta:
        db_table = "scheduler_admin_action"
        ordering = ["-id"]
        indexes = [models.Index(fields=["at"], name="scheduler_admin_action_at")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
