"""The settings in force in a process that is no worker: the web process, a command."""

from scheduler.queries.plugins import settled_host
from scheduler_notify.settings import NotifySettings


def settings_in_force() -> NotifySettings:
    """At most a few seconds old. Raises InvalidSetting, SettingsConflict, DatabaseUnavailable, and
    PluginProblem."""
    return settled_host().resolved(NotifySettings).settings
