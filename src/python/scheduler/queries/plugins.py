"""The plugins of a process that is no worker: the web process, a command."""

import os
from functools import cache

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.resolution import resolve


@cache
def plugin_host() -> PluginHost:
    """The plugins that ``SCHEDULER_PLUGINS`` lists, made once in this process, without settings:
    hand it those with ``configure``. Raises PluginProblem or InvalidSetting."""
    core = resolve(CoreSettings, rows={}, environ=os.environ).settings
    return PluginHost.load(core.plugins)
