"""The plugin's settings in force, in the web process and in commands."""

from scheduler.plugin_api.host import PluginHost
from scheduler.queries.plugins import settled_host
from scheduler_monitoring.errors import MonitoringNotEnabled
from scheduler_monitoring.settings import MonitoringSettings


def enabled_host() -> PluginHost:
    """The plugins of this process, with settings a few seconds old at most.

    Raises MonitoringNotEnabled where ours is not among them, and SchedulerError's kinds for a bad
    environment or a database that does not answer."""
    host = settled_host()
    if MonitoringSettings not in host.settings_models:
        raise MonitoringNotEnabled
    return host


def settings_in_force() -> MonitoringSettings:
    """Ours. Raises as enabled_host."""
    return enabled_host().resolved(MonitoringSettings).settings
