"""The plugin: the log archive, tied to the hooks."""

import time
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from scheduler.plugin_api.archive import LogArchive
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.metrics import Metric
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import Service, WorkerView
from scheduler.plugin_api.values import HealthCheck
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.figures import FigureBoard, metrics
from scheduler_log_archive.health import archive_health
from scheduler_log_archive.settings import LogArchiveSettings

if TYPE_CHECKING:
    from scheduler_log_archive.worker_uploads import WorkerUploads

_LAST_SECONDS = 4.0
"""A worker that leaves has five for ``scheduler_stopping``."""


class LogArchivePlugin(Plugin):
    """Archives the logs of runs in a bucket, and reads them back."""

    name = "log_archive"
    settings_model = LogArchiveSettings
    settings: LogArchiveSettings

    def __init__(self) -> None:
        self._lock = Lock()
        self._bucket: Bucket | None = None
        self._board = FigureBoard()
        self._uploads: list[WorkerUploads] = []

    def bucket(self) -> Bucket | None:
        """The bucket by the settings in force; None where the archive is switched off."""
        with self._lock:
            settings = self.settings
            if not settings.log_archive_enabled:
                self._bucket = None
            elif self._bucket is None or self._bucket.settings != settings:
                self._bucket = Bucket(settings)
            return self._bucket

    @hookimpl
    def scheduler_django_apps(self) -> Sequence[str]:
        return ("scheduler_log_archive",)

    @hookimpl
    def scheduler_worker_services(self, worker: WorkerView) -> Sequence[Service]:
        from scheduler_log_archive.worker_uploads import WorkerUploads

        uploads = WorkerUploads(worker, self.bucket, self._board)
        self._uploads.append(uploads)
        return (Service("uploads", uploads.tick, uploads.close),)

    @hookimpl
    def scheduler_leader_services(self, worker: WorkerView) -> Sequence[Service]:
        from scheduler_log_archive.salvage import Salvage

        return (Service("salvage", Salvage(self.bucket, self._board).tick),)

    @hookimpl
    def scheduler_stopping(self) -> None:
        for uploads in self._uploads:
            uploads.drain(_LAST_SECONDS)

    @hookimpl
    def scheduler_log_archive(self) -> LogArchive:
        from scheduler_log_archive.reading import S3LogArchive

        return S3LogArchive(self.bucket)

    @hookimpl
    def scheduler_metrics(self) -> Sequence[Metric]:
        return metrics(self._board.read(), time.time())

    @hookimpl
    def scheduler_health_checks(self) -> Sequence[HealthCheck]:
        return (HealthCheck("bucket", lambda: archive_health(self.bucket(), self._board.read())),)
