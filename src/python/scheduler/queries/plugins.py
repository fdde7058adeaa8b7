"""The plugins of a process that is no worker: the web process, a command."""

import os
from functools import cache

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import HealthResult, PluginHost
from scheduler.plugin_api.resolution import resolve
from scheduler.store.settings import read_setting_rows


@cache
def plugin_host() -> PluginHost:
    """The plugins that ``SCHEDULER_PLUGINS`` lists, made once in this process, without settings:
    hand it those with ``configure``. Raises PluginProblem or InvalidSetting."""
    core = resolve(CoreSettings, rows={}, environ=os.environ).settings
    return PluginHost.load(core.plugins)


def outside_health() -> tuple[HealthResult, ...]:
    """What the enabled plugins' health checks say now, asked from this process, with the settings
    in force. Raises InvalidSetting or SettingsConflict for a bad environment."""
    host = plugin_host()
    host.configure(rows=read_setting_rows(), environ=os.environ)
    return host.health()
