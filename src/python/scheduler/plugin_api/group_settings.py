"""The settings of the core and of each plugin, resolved and handed out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeIs

from scheduler.domain.errors import InvalidSetting, PluginProblem, SchedulerError
from scheduler.plugin_api.calls import PluginCalls, refuse_twice
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.resolution import (
    PREFIX,
    Problem,
    Resolved,
    after_reload,
    changed,
    parse,
    resolve,
    secret_values,
)
from scheduler.plugin_api.settings import SettingsModel, all_rules, specs


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload did: the keys now in force, those that wait for a restart, and bad rows."""

    applied: tuple[str, ...]
    waiting: tuple[str, ...]
    problems: tuple[Problem, ...]


class GroupSettings:
    """All groups of settings of the plugins. Raises PluginProblem for what is wrong with one."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls
        self._owners: dict[type[SettingsModel], str] = {}
        self._resolved: dict[type[SettingsModel], Resolved[Any]] = {}
        self.models = self._all_models()

    def configure(
        self, rows: Mapping[str, str], environ: Mapping[str, str]
    ) -> tuple[Resolved[Any], ...]:
        resolved = {model: resolve(model, rows=rows, environ=environ) for model in self.models}
        self._apply(resolved.values())
        return tuple(resolved.values())

    def reload(self, rows: Mapping[str, str], environ: Mapping[str, str]) -> Reload:
        applied, waiting, problems, merged = [], [], [], []
        for model, old in self._resolved.items():
            try:
                new = resolve(model, rows=rows, environ=environ)
            except SchedulerError as error:
                problems.append(Problem(f"{PREFIX}*", f"{error} The settings stay as they are."))
                continue
            now = after_reload(old, new)
            merged.append(now)
            problems += new.problems
            applied += [spec.key for spec in changed(old, now)]
            waiting += [spec.key for spec in changed(now, new)]
        self._apply(merged)
        return Reload(tuple(applied), tuple(waiting), tuple(problems))

    def of(self, model: type[SettingsModel]) -> Resolved[Any]:
        return self._resolved[model]

    def owned_by(self, plugin: str) -> tuple[type[SettingsModel], ...]:
        return tuple(model for model, owner in self._owners.items() if owner == plugin)

    def _apply(self, resolved: Iterable[Resolved[Any]]) -> None:
        """Put resolved settings in force, and hand each plugin its own and the core's."""
        self._resolved |= {type(one.settings): one for one in resolved}
        self._calls.failures.hide(secret_values(self._resolved.values()))
        for plugin in self._calls.plugins:
            plugin.core = self._resolved[CoreSettings].settings
            if plugin.settings_model in self._resolved:
                plugin.settings = self._resolved[plugin.settings_model].settings

    def _all_models(self) -> tuple[type[SettingsModel], ...]:
        owners: dict[str, str] = {}
        for name, model in self._calls.offered("scheduler_settings", _is_settings):
            for key in _keys(name, model):
                refuse_twice("setting", key, name, owners)
            self._owners[model] = name
        return tuple(self._owners)


def _is_settings(one: Any) -> TypeIs[type[SettingsModel]]:
    return isinstance(one, type) and issubclass(one, SettingsModel)


def _keys(plugin: str, model: type[SettingsModel]) -> tuple[str, ...]:
    try:
        found = specs(model)
        for spec in found:
            parse(spec, spec.default)
    except (TypeError, InvalidSetting) as error:
        problem = f"has a bad setting ({str(error).rstrip('.')})"
        raise PluginProblem(plugin, problem, "see docs/plugins.md") from None
    strange = {name for rule in all_rules(model) for name in rule.fields} - set(model.model_fields)
    if strange:
        problem = f"has a rule about {', '.join(sorted(strange))}, which it does not declare"
        raise PluginProblem(plugin, problem, "name fields of the settings model")
    keys = tuple(spec.key for spec in found)
    stranger = next((key for key in keys if not key.startswith(PREFIX)), None)
    if stranger:
        raise PluginProblem(
            plugin, f"has the setting {stranger}", f"its env_prefix must begin with {PREFIX}"
        )
    return keys
