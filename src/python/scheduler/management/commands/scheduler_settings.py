"""``manage.py scheduler_settings``: see the settings in force, and change those in the RDB."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.management.asking import me
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.queries.plugins import plugin_host
from scheduler.queries.settings import ReloadStatus, SettingView, effective_settings, reload_status
from scheduler.requests.settings import change_settings


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Show each setting with its value and where it comes from (RDB over environment over "
        "default), or change settings in the RDB: all workers read them again and acknowledge. "
        "Secrets are never shown. Meaning and bounds of each: docs/settings.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="*", help="show only names that contain one of these")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            dest="values",
            help="set in the RDB; several at once are taken together or not at all",
        )
        parser.add_argument(
            "--unset", action="append", default=[], metavar="NAME", help="take out of the RDB"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        changes = _changes(options["values"], options["unset"])
        with plainly():
            models = plugin_host().settings_models
            if changes:
                change_settings(changes, by=me(), models=models)
            wanted = [*options["name"], *changes]
            views = [view for view in effective_settings(models) if _is_wanted(view, wanted)]
            status = reload_status()
        text = _as_json(views, status) if options["json"] else _as_text(views, status)
        self.stdout.write(text)


def _changes(values: list[str], unset: list[str]) -> dict[str, str | None]:
    bad = next((text for text in values if "=" not in text), None)
    if bad is not None:
        raise CommandError(f"--set {bad} has no value; write NAME=VALUE.", returncode=BAD_INPUT)
    pairs = (text.partition("=") for text in values)
    return {name: value for name, _, value in pairs} | dict.fromkeys(unset)


def _is_wanted(view: SettingView, wanted: list[str]) -> bool:
    return not wanted or any(part.upper() in view.key for part in wanted)


def _as_text(views: list[SettingView], status: ReloadStatus | None) -> str:
    lines = [f"{view.key} = {view.value}  ({view.source}){_notes(view)}" for view in views]
    if status:
        done = sum(worker.applied for worker in status.workers)
        lines.append(
            f"Revision {status.revision}: applied by {done} of {len(status.workers)} workers"
        )
    return "\n".join(lines)


def _notes(view: SettingView) -> str:
    restart = " [needs a restart]" if view.restart_needed and view.source == "rdb" else ""
    return f"{restart}\n  {view.problem}" if view.problem else restart


def _as_json(views: list[SettingView], status: ReloadStatus | None) -> str:
    found = {
        "settings": {
            view.key: {"value": view.value, "source": view.source, "problem": view.problem}
            for view in views
        },
        "revision": status.revision if status else 0,
        "applied": {one.worker_id: one.applied for one in status.workers} if status else {},
    }
    return json.dumps(found, ensure_ascii=False)
