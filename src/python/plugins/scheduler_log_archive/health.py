"""The archive's state of health: can its bucket be reached, and do logs get there."""

import time
from collections.abc import Callable

from scheduler.plugin_api.values import HealthReport, HealthStatus
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.client import where
from scheduler_log_archive.errors import ArchiveProblem
from scheduler_log_archive.figures import Figures

LATE_SECONDS = 900.0
"""A backlog older than this is worth a warning."""


def archive_health(
    bucket: Bucket | None, figures: Figures, clock: Callable[[], float] = time.time
) -> HealthReport:
    """Asks the bucket, within a few seconds. ``figures`` are those of this process."""
    if bucket is None:
        off = "The log archive is switched off (SCHEDULER_LOG_ARCHIVE_ENABLED)."
        return HealthReport(HealthStatus.OK, off)
    try:
        bucket.check()
    except ArchiveProblem as problem:
        return HealthReport(HealthStatus.FAILING, str(problem), _detail(figures))
    waited = figures.waited_seconds(clock())
    if waited > LATE_SECONDS:
        late = f"{figures.waiting} logs wait for the archive, the first for {waited / 60:.0f} min."
        return HealthReport(HealthStatus.WARNING, late, _detail(figures))
    summary = f"The log archive {where(bucket.settings)} answers."
    return HealthReport(HealthStatus.OK, summary, _detail(figures))


def _detail(figures: Figures) -> dict[str, str]:
    return {
        "waiting": str(figures.waiting),
        "failures": str(figures.failures),
        "archived": str(figures.archived),
    }
