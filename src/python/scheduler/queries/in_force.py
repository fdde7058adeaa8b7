"""The settings in force in a process that is no worker: the web process, a command."""

import os
from threading import Lock
from time import monotonic
from typing import Any

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import resolve
from scheduler.plugin_api.settings import SettingsModel
from scheduler.store.settings import read_setting_rows

KEPT_SECONDS = 5.0
"""So long may a change of a setting take to reach a web process."""

_lock = Lock()
_kept: dict[type[SettingsModel], tuple[float, Any]] = {}


def core_settings() -> CoreSettings:
    """The core's settings, read from the RDB at most every KEPT_SECONDS.

    Raises DatabaseUnavailable, and InvalidSetting or SettingsConflict for a bad environment."""
    return settings_in_force(CoreSettings)


def settings_in_force[M: SettingsModel](model: type[M]) -> M:
    """Those of one group, a plugin's for example; otherwise as ``core_settings``."""
    with _lock:
        kept = _kept.get(model)
        if kept is None or monotonic() - kept[0] >= KEPT_SECONDS:
            found = resolve(model, rows=read_setting_rows(), environ=os.environ)
            kept = _kept[model] = (monotonic(), found.settings)
        settings: M = kept[1]
        return settings


def forget_core_settings() -> None:
    """Read all groups anew at the next use."""
    with _lock:
        _kept.clear()
