"""The core's own settings, each declared once, in groups."""

from scheduler.plugin_api.core_settings.cluster import ClusterSettings
from scheduler.plugin_api.core_settings.events import EventSettings
from scheduler.plugin_api.core_settings.line import LineSettings
from scheduler.plugin_api.core_settings.observing import ObservingSettings
from scheduler.plugin_api.core_settings.running import RunningSettings
from scheduler.plugin_api.core_settings.timing import TimingSettings
from scheduler.plugin_api.core_settings.worker_http import WorkerHttpSettings


class CoreSettings(
    EventSettings,
    ObservingSettings,
    TimingSettings,
    RunningSettings,
    WorkerHttpSettings,
    LineSettings,
    ClusterSettings,
):
    """All settings of the core. Names in environment and RDB: ``SCHEDULER_`` + the field's name."""


__all__ = ["CoreSettings"]
