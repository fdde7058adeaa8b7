"""The plugins of a process that is no worker: the web process, a command."""

import os
from threading import Lock
from time import monotonic

from scheduler.plugin_api.archive_reading import ArchiveReader
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.process_host import plugin_host
from scheduler.store.settings import read_setting_rows

__all__ = ["forget_plugins", "log_archive", "plugin_host", "settled_host"]

KEPT_SECONDS = 5.0
"""So long may a change of a setting take to reach the plugins of a web process."""

_lock = Lock()
_settled_at: float | None = None


def settled_host() -> PluginHost:
    """``plugin_host`` with the settings in force, read from the RDB at most every KEPT_SECONDS.

    Raises PluginProblem, DatabaseUnavailable, and InvalidSetting or SettingsConflict for a bad
    environment.
    """
    global _settled_at  # noqa: PLW0603 - one for the process is the point
    host = plugin_host()
    with _lock:
        if _settled_at is None or monotonic() - _settled_at >= KEPT_SECONDS:
            host.configure(rows=read_setting_rows(), environ=os.environ)
            _settled_at = monotonic()
    return host


def log_archive() -> ArchiveReader | None:
    """Where logs are read that neither a worker nor this machine has. Raises as settled_host."""
    return settled_host().log_archive()


def logs_are_archived() -> bool:
    """Whether a log that has no archive's address yet is to get one. True where a plugin does not
    say. Raises as settled_host."""
    return settled_host().archives_logs()


def forget_plugins() -> None:
    """Load them anew at the next use."""
    global _settled_at  # noqa: PLW0603
    with _lock:
        plugin_host.cache_clear()
        _settled_at = None
