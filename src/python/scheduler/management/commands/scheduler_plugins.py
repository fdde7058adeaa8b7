"""``manage.py scheduler_plugins``: what is installed, what is enabled, and how it fares."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from scheduler.management.failing import plainly
from scheduler.queries.plugin_views import (
    HookFailureView,
    PluginsView,
    PluginView,
    plugins_view,
)
from scheduler.queries.settings import SettingView

CORE = "core"


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Show the plugins: those enabled by SCHEDULER_PLUGINS in the order in which they are "
        "called, with version, hooks, settings (secrets are never shown), health as this process "
        "sees it now, and what failed or hangs in the living workers; then those that are "
        "installed and not enabled. Exit codes: 0 shown; 2 SCHEDULER_PLUGINS or another setting "
        "is wrong, or the database does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
        parser.add_argument(
            "--no-health", action="store_true", help="ask no health checks (they may take 5 s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            view = plugins_view(ask_health=not options["no_health"])
        self.stdout.write(_as_json(view) if options["json"] else "\n".join(_as_text(view)))


def _as_text(view: PluginsView) -> Iterator[str]:
    if len(view.enabled) == 1:
        yield "No plugin is enabled; SCHEDULER_PLUGINS lists those to be used."
    for number, plugin in enumerate(view.enabled):
        if plugin.name != CORE:
            yield from _plugin_as_text(number, plugin)
    enabled = {plugin.path for plugin in view.enabled}
    rest = [one for one in view.installed if one.target.replace(":", ".") not in enabled]
    if rest:
        yield "Installed and not enabled:"
        yield from (f"  {one.name} {one.version} ({one.target})" for one in rest)
    else:
        yield "No other plugin is installed."


def _plugin_as_text(number: int, plugin: PluginView) -> Iterator[str]:
    version = f" {plugin.version}" if plugin.version else ""
    yield f"{number}. {plugin.name}{version} ({plugin.path})"
    yield f"   hooks: {', '.join(plugin.hooks) or 'none'}"
    yield from (f"   {one.key} = {one.value}  ({one.source})" for one in plugin.settings)
    for result in plugin.health:
        yield f"   health {result.check}: {result.report.status} - {result.report.summary}"
    if not plugin.failures:
        yield "   no failures in the living workers"
    yield from (f"   {_failure(one)}" for one in plugin.failures)


def _failure(one: HookFailureView) -> str:
    parts = [f"{one.node_id} ({one.worker_id}), {one.hook}:"]
    if one.count:
        parts.append(f"failed {one.count} times, last at {one.last_at:%Y-%m-%d %H:%M:%S} UTC:")
        parts.append(one.last_error)
    if one.stuck_since:
        parts.append(f"a call of {one.stuck_since:%Y-%m-%d %H:%M:%S} UTC has not returned")
    return " ".join(parts)


def _as_json(view: PluginsView) -> str:
    found = {
        "plugins": [_plugin_as_json(plugin) for plugin in view.enabled],
        "installed": [asdict(one) for one in view.installed],
    }
    return json.dumps(found, default=str, ensure_ascii=False)


def _plugin_as_json(plugin: PluginView) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "path": plugin.path,
        "version": plugin.version,
        "hooks": plugin.hooks,
        "settings": {one.key: _setting_as_json(one) for one in plugin.settings},
        "health": [
            {"check": one.check, "status": one.report.status, "summary": one.report.summary}
            for one in plugin.health
        ],
        "failures": [asdict(one) for one in plugin.failures],
    }


def _setting_as_json(view: SettingView) -> dict[str, Any]:
    return {"value": view.value, "source": view.source, "problem": view.problem}
