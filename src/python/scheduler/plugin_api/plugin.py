"""The class that a plugin derives from."""

from collections.abc import Sequence
from typing import Any, ClassVar

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.settings import SettingsModel
from scheduler.plugin_api.values import RunState


class Plugin:
    """A plugin: made without arguments, and then asked through its hooks.

    One of the class works in a process. Another may be made, cheaply and with no effect outside,
    to be asked for its Django apps and addresses or to be checked.

    ``name`` is unique and lasting (it names the plugin's place in the outbox). ``settings_model``
    is its group of settings; ``settings`` holds the values in force, set before any hook other
    than ``scheduler_settings`` is called and again after each reload; ``core`` holds those of the
    core, to be read only. ``run_states`` are the states whose beginning
    ``scheduler_run_transitioned`` is told of.
    """

    name: ClassVar[str] = ""
    settings_model: ClassVar[type[SettingsModel] | None] = None
    run_states: ClassVar[frozenset[RunState]] = frozenset()
    settings: Any = None
    core: CoreSettings

    @hookimpl
    def scheduler_settings(self) -> Sequence[type[SettingsModel]]:
        return (self.settings_model,) if self.settings_model else ()
