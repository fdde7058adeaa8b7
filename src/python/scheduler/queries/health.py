"""Is all well? The core's own answers first, then those of the enabled plugins' health checks."""

import os

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import HealthResult
from scheduler.plugin_api.values import HealthReport, HealthStatus
from scheduler.queries.cluster import ClusterStatus, WorkerStatus
from scheduler.queries.plugins import plugin_host
from scheduler.store.settings import read_setting_rows

CORE = "core"


def health(status: ClusterStatus) -> tuple[HealthResult, ...]:
    """Every check's answer, asked now from this process with the settings in force.

    Raises InvalidSetting, SettingsConflict or PluginProblem for a bad environment.
    """
    host = plugin_host()
    host.configure(rows=read_setting_rows(), environ=os.environ)
    settings = host.resolved(CoreSettings).settings
    return (*core_health(status, settings), *host.health())


def core_health(status: ClusterStatus, settings: CoreSettings) -> tuple[HealthResult, ...]:
    """What the cluster's own rows say."""
    reports = {
        "leader": _leader(status),
        "workers": _workers(status, settings.min_online_workers),
        "load": _load(status, settings.worker_high_load_threshold),
    }
    return tuple(HealthResult(CORE, name, report) for name, report in reports.items())


def _leader(status: ClusterStatus) -> HealthReport:
    if status.has_leader:
        return HealthReport(HealthStatus.OK, f"{status.leader_worker_id} leads.")
    return HealthReport(HealthStatus.FAILING, "Nobody leads: no run is planned or assigned.")


def _workers(status: ClusterStatus, wanted: int) -> HealthReport:
    live = sum(not worker.suspect for worker in status.workers)
    summary = f"{live} workers are online, {wanted} are wanted (SCHEDULER_MIN_ONLINE_WORKERS)."
    return HealthReport(HealthStatus.OK if live >= wanted else HealthStatus.FAILING, summary)


def _load(status: ClusterStatus, threshold: float) -> HealthReport:
    high = [one.worker_id for one in status.workers if _part(one) >= threshold]
    if not high:
        return HealthReport(HealthStatus.OK, "No worker is highly loaded.")
    return HealthReport(HealthStatus.WARNING, f"Highly loaded: {', '.join(high)}.")


def _part(worker: WorkerStatus) -> float:
    return worker.open_runs / worker.capacity if worker.capacity else 1.0
