"""When each worker's certificate expires, noted by itself: so the cluster's page knows it too.

Most workers serve no page (``SCHEDULER_WORKER_HTTP_PORT`` is 0 by default), and a cluster whose
certificates run out stands still.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic

from scheduler.plugin_api.services import WorkerView

LOOK_SECONDS = 60.0
UNTIL_JOINED_SECONDS = 5.0
NOTED_AGAIN_SECONDS = 3600.0
FORGOTTEN = timedelta(days=1)
"""Much longer than a living worker leaves its note as it is."""


class CertificateNotes:
    """A worker's service: notes what changed, and once an hour that it is still so."""

    def __init__(self, worker: WorkerView, clock: Callable[[], float] = monotonic) -> None:
        self._worker, self._clock = worker, clock
        self._noted: tuple[str, datetime] | None = None
        self._noted_at = 0.0

    def tick(self) -> float:
        """One look; the seconds until the next."""
        seen = self._worker.snapshot()
        if not seen.joined:
            return UNTIL_JOINED_SECONDS
        if seen.certificate_expires_at is not None:
            self._note(seen.worker_id, seen.certificate_expires_at)
        return LOOK_SECONDS

    def _note(self, worker_id: str, expires_at: datetime) -> None:
        now = self._clock()
        fresh = now < self._noted_at + NOTED_AGAIN_SECONDS
        if self._noted == (worker_id, expires_at) and fresh:
            return
        write_note(worker_id, expires_at)
        self._noted, self._noted_at = (worker_id, expires_at), now


def write_note(worker_id: str, expires_at: datetime) -> None:
    """Note it, and forget workers that have long been gone. Holds no connection afterwards."""
    from django.db import close_old_connections, connection
    from django.db.models.functions import Now

    from scheduler_monitoring.models import WorkerCertificate

    close_old_connections()
    try:
        WorkerCertificate.objects.bulk_create(
            [WorkerCertificate(worker_id=worker_id, expires_at=expires_at, noted_at=Now())],
            update_conflicts=True,
            update_fields=["expires_at", "noted_at"],
            unique_fields=["worker_id"],
        )
        WorkerCertificate.objects.filter(noted_at__lt=Now() - FORGOTTEN).delete()
    finally:
        connection.close()


def read_notes() -> Mapping[str, datetime]:
    """When certificates expire, by the ids of workers; some of these may be gone."""
    from scheduler_monitoring.models import WorkerCertificate

    return dict(WorkerCertificate.objects.values_list("worker_id", "expires_at"))
