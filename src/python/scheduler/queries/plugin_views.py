"""The plugins as pages and commands show them: installed, enabled, how they fare."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler.models import PluginState, WorkerLease
from scheduler.plugin_api.host import HealthResult, PluginHost
from scheduler.plugin_api.loading import (
    KNOWN_HOOKS,
    InstalledPlugin,
    offered_plugins,
    version_of,
)
from scheduler.queries.plugins import settled_host
from scheduler.queries.settings import SettingView, effective_settings


@dataclass(frozen=True, slots=True)
class HookFailureView:
    """How a hook fares in one living worker. ``last_error`` holds no secret; ``stuck_since`` is
    the beginning of a call that has not returned."""

    worker_id: str
    node_id: str
    hook: str
    count: int
    last_error: str
    last_at: datetime | None
    stuck_since: datetime | None


@dataclass(frozen=True, slots=True)
class PluginView:
    """One enabled plugin. ``settings`` are fit to be shown; ``health`` was asked now, from this
    process."""

    name: str
    path: str
    version: str
    hooks: tuple[str, ...]
    settings: tuple[SettingView, ...]
    health: tuple[HealthResult, ...]
    failures: tuple[HookFailureView, ...]


@dataclass(frozen=True, slots=True)
class PluginsView:
    """``enabled`` in the order in which they are called, the core first; ``installed`` are those
    that packages offer by a short name, enabled or not."""

    enabled: tuple[PluginView, ...]
    installed: tuple[InstalledPlugin, ...]


def plugins_view(*, ask_health: bool = True) -> PluginsView:
    """All plugins. Raises as ``settled_host`` does."""
    host = settled_host()
    checks = host.health() if ask_health else ()
    failures = hook_failures()
    return PluginsView(
        enabled=tuple(_view(host, plugin.name, checks, failures) for plugin in host.plugins),
        installed=offered_plugins(),
    )


def hook_failures() -> Mapping[str, Sequence[HookFailureView]]:
    """What living workers tell of their plugins, by plugin."""
    nodes = dict(WorkerLease.objects.filter(state="LIVE").values_list("worker_id", "node_id"))
    found: dict[str, list[HookFailureView]] = defaultdict(list)
    for row in PluginState.objects.filter(worker_id__in=nodes):
        found[row.plugin].append(
            HookFailureView(
                row.worker_id,
                nodes[row.worker_id],
                row.hook,
                row.count,
                row.last_error,
                row.last_at,
                row.stuck_since,
            )
        )
    return found


def _view(
    host: PluginHost,
    name: str,
    checks: Sequence[HealthResult],
    failures: Mapping[str, Sequence[HookFailureView]],
) -> PluginView:
    plugin = next(one for one in host.plugins if one.name == name)
    return PluginView(
        name=name,
        path=f"{type(plugin).__module__}.{type(plugin).__qualname__}",
        version=version_of(plugin),
        hooks=host.hooks_of(name, KNOWN_HOOKS),
        settings=tuple(effective_settings(host.settings_of(name), os.environ)),
        health=tuple(one for one in checks if one.plugin == name),
        failures=tuple(failures.get(name, ())),
    )
