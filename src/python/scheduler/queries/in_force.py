"""The core's settings in force in a process that is no worker: the web process."""

import os
from threading import Lock
from time import monotonic

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import resolve
from scheduler.store.settings import read_setting_rows

KEPT_SECONDS = 5.0
"""So long may a change of a setting take to reach a web process."""

_lock = Lock()
_kept: tuple[float, CoreSettings] | None = None


def core_settings() -> CoreSettings:
    """The settings, read from the RDB at most every KEPT_SECONDS.

    Raises DatabaseUnavailable, and InvalidSetting or SettingsConflict for a bad environment."""
    global _kept  # noqa: PLW0603 - one for the process is the point
    with _lock:
        if _kept is None or monotonic() - _kept[0] >= KEPT_SECONDS:
            found = resolve(CoreSettings, rows=read_setting_rows(), environ=os.environ)
            _kept = (monotonic(), found.settings)
        return _kept[1]


def forget_core_settings() -> None:
    """Read anew at the next use."""
    global _kept  # noqa: PLW0603
    with _lock:
        _kept = None
