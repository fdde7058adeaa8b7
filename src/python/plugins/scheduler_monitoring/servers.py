"""The clients as the settings in force have them."""

from pydantic import SecretStr

from scheduler_monitoring.alertmanager import Alertmanager
from scheduler_monitoring.prometheus import Prometheus
from scheduler_monitoring.remote import Remote
from scheduler_monitoring.settings import MonitoringSettings


def prometheus_of(settings: MonitoringSettings) -> Prometheus:
    """A client; where no address is set, each call raises RemoteNotConfigured."""
    address, token = settings.prometheus_url, settings.prometheus_token
    return Prometheus(_remote(settings, "Prometheus", address, token))


def alertmanager_of(settings: MonitoringSettings) -> Alertmanager:
    """A client; where no address is set, each call raises RemoteNotConfigured."""
    address, token = settings.alertmanager_url, settings.alertmanager_token
    return Alertmanager(_remote(settings, "Alertmanager", address, token))


def _remote(settings: MonitoringSettings, server: str, address: str, token: SecretStr) -> Remote:
    return Remote(
        server=server,
        setting=f"SCHEDULER_{server.upper()}_URL",
        address=address,
        token=token.get_secret_value(),
        ca_file=settings.monitoring_ca_file,
        timeout_seconds=settings.monitoring_timeout_seconds,
    )
