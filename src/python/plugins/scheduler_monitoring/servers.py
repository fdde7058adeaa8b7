"""The clients as the settings in force have them."""

from scheduler_monitoring.alertmanager import Alertmanager
from scheduler_monitoring.prometheus import Prometheus
from scheduler_monitoring.remote import Remote
from scheduler_monitoring.settings import MonitoringSettings


def prometheus_of(settings: MonitoringSettings) -> Prometheus:
    """A client; where no address is set, each call raises RemoteNotConfigured."""
    return Prometheus(
        Remote(
            server="Prometheus",
            setting="SCHEDULER_PROMETHEUS_URL",
            address=settings.prometheus_url,
            token=settings.prometheus_token.get_secret_value(),
            ca_file=settings.monitoring_ca_file,
            timeout_seconds=settings.monitoring_timeout_seconds,
        )
    )


def alertmanager_of(settings: MonitoringSettings) -> Alertmanager:
    """A client; where no address is set, each call raises RemoteNotConfigured."""
    return Alertmanager(
        Remote(
            server="Alertmanager",
            setting="SCHEDULER_ALERTMANAGER_URL",
            address=settings.alertmanager_url,
            token=settings.alertmanager_token.get_secret_value(),
            ca_file=settings.monitoring_ca_file,
            timeout_seconds=settings.monitoring_timeout_seconds,
        )
    )
