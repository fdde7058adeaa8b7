"""Do Prometheus and Alertmanager answer?"""

from collections.abc import Callable

from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus
from scheduler_monitoring.errors import RemoteError, RemoteNotConfigured
from scheduler_monitoring.servers import alertmanager_of, prometheus_of
from scheduler_monitoring.settings import MonitoringSettings

# A check must answer within a few seconds, however long pages may wait.
_SECONDS = 3.0


def checks(settings: Callable[[], MonitoringSettings]) -> tuple[HealthCheck, ...]:
    """One check for each of the two servers."""
    return (
        HealthCheck(
            "prometheus",
            lambda: report("Prometheus", prometheus_of(_hurried(settings())).check_ready),
        ),
        HealthCheck(
            "alertmanager",
            lambda: report("Alertmanager", alertmanager_of(_hurried(settings())).check_ready),
        ),
    )


def report(server: str, ask: Callable[[], None]) -> HealthReport:
    """What asking shows. A server that nobody configured is nothing to worry about."""
    try:
        ask()
    except RemoteNotConfigured as error:
        return HealthReport(HealthStatus.OK, f"{server} is not used ({error.setting} is empty).")
    except RemoteError as error:
        return HealthReport(HealthStatus.FAILING, str(error))
    return HealthReport(HealthStatus.OK, f"{server} answers.")


def _hurried(settings: MonitoringSettings) -> MonitoringSettings:
    shorter = min(settings.monitoring_timeout_seconds, _SECONDS)
    return settings.model_copy(update={"monitoring_timeout_seconds": shorter})
