"""The durable tallies: what counters of the cluster show, kept whatever becomes of the runs; and
when certificates expire."""

from typing import ClassVar

from django.db import models


class Tally(models.Model):
    """One counter of one job. It is only ever added to (``tallies``).

    ``label`` is the state or the reason that the figure is split by, else empty."""

    objects: ClassVar[models.Manager["Tally"]] = models.Manager()

    figure = models.CharField(max_length=40)
    job_name = models.CharField(max_length=200)
    label = models.CharField(max_length=40, blank=True, default="", db_default="")
    value = models.FloatField(default=0.0, db_default=0.0)
    last_at = models.FloatField(
        default=0.0, db_default=0.0, help_text="When the newest of what it counts ended; Unix time."
    )

    class Meta:
        app_label = "scheduler_monitoring"
        db_table = "scheduler_monitoring_tally"
        constraints = [
            models.UniqueConstraint(
                fields=["figure", "job_name", "label"], name="scheduler_monitoring_tally_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.figure} {self.job_name} {self.label}: {self.value}"


class TallyCursor(models.Model):
    """One row (id 1): up to which run the ledger is counted, and which runs below were open then.

    ``open_runs`` holds their ids, 16 bytes each. Who counts holds this row's lock."""

    objects: ClassVar[models.Manager["TallyCursor"]] = models.Manager()

    id = models.SmallIntegerField(primary_key=True, default=1, db_default=1)
    counted_until = models.UUIDField()
    open_runs = models.BinaryField(default=b"")

    class Meta:
        app_label = "scheduler_monitoring"
        db_table = "scheduler_monitoring_cursor"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="scheduler_monitoring_one_cursor")
        ]

    def __str__(self) -> str:
        return f"counted until {self.counted_until}"


class WorkerCertificate(models.Model):
    """When a worker's certificate expires, as it said at ``noted_at``; no row without TLS."""

    objects: ClassVar[models.Manager["WorkerCertificate"]] = models.Manager()

    worker_id = models.CharField(max_length=100, primary_key=True)
    expires_at = models.DateTimeField()
    noted_at = models.DateTimeField()

    class Meta:
        app_label = "scheduler_monitoring"
        db_table = "scheduler_monitoring_certificate"

    def __str__(self) -> str:
        return f"{self.worker_id}: {self.expires_at}"
