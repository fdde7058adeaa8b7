"""``manage.py scheduler_startplugin``: write a new plugin that works, with its tests."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from scheduler.management.failing import plainly
from scheduler.management.plugin_template import new_plugin, write_plugin

NEXT = """Wrote {folder}.

  cd {folder}
  python -m pip install --editable '.[tests]'
  python -m pytest

Then enable it: SCHEDULER_PLUGINS={name}
"""


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Write a new plugin NAME: a package with settings, a health check and a figure, tests that "
        "run the conformance suite, README, pyproject.toml with the entry point, and a BUILD file "
        "for Pants. It works as it is written; replace what it does by your own. Exit codes: 0 "
        "written; 2 the name or the folder is not to be had, and nothing was written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name",
            metavar="NAME",
            help="the package's name, such as sms_alerts; a leading scheduler_ is left out of the "
            "names of the plugin and of its settings",
        )
        parser.add_argument(
            "--directory",
            type=Path,
            default=Path(),
            metavar="D",
            help="write it below this folder (default: here)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            plugin = new_plugin(options["name"])
            folder = write_plugin(plugin, options["directory"].absolute())
        self.stdout.write(NEXT.format(folder=folder, name=plugin.name))
