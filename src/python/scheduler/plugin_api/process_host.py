"""The plugins that a process lists, made once in it."""

import os
from functools import cache

from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.site import listed_plugins


@cache
def plugin_host() -> PluginHost:
    """The plugins that ``SCHEDULER_PLUGINS`` lists, made once in this process, without settings:
    hand it those with ``configure``. Not those that a worker works with. Raises PluginProblem."""
    return PluginHost.load(listed_plugins(os.environ))
