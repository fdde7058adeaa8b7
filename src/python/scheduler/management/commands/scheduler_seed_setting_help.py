"""``manage.py scheduler_seed_setting_help``: fills the settings' help from the declarations."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from scheduler.management.failing import plainly
from scheduler.queries.plugins import plugin_host
from scheduler.requests.setting_help import Seeding, seed_setting_help


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Fill the table of settings' help (title, meaning, impact, limits, in Japanese and "
        "English) for the core and the enabled plugins. Rows that exist are left alone, unless "
        "--apply-defaults is given. Safe to run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--apply-defaults",
            action="store_true",
            help="overwrite rows that differ from what is shipped (empty ones, reworded ones)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        with plainly():
            models = plugin_host().settings_models
            seeding = seed_setting_help(
                models, apply_defaults=options["apply_defaults"], dry_run=dry_run
            )
        self._tell(seeding, dry_run=dry_run)

    def _tell(self, seeding: Seeding, *, dry_run: bool) -> None:
        if dry_run:
            for verb, keys in (("create", seeding.created), ("overwrite", seeding.updated)):
                for key in keys:
                    self.stdout.write(f"would {verb} {key}")
        counts = (
            f"created {len(seeding.created)}, overwritten {len(seeding.updated)}, "
            f"unchanged {len(seeding.same)}, reworded and kept {len(seeding.kept)}"
        )
        self.stdout.write(f"dry run: {counts}" if dry_run else counts)
