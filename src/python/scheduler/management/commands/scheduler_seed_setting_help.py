"""``manage.py scheduler_seed_setting_help``: fills the settings' help from the declarations."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from scheduler.domain.errors import SchedulerError
from scheduler.queries.plugins import plugin_host
from scheduler.requests.setting_help import Seeding, seed_setting_help


class Command(BaseCommand):
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
        try:
            seeding = seed_setting_help(
                plugin_host().settings_models,
                apply_defaults=options["apply_defaults"],
                dry_run=dry_run,
            )
        except SchedulerError as error:
            raise CommandError(str(error), returncode=2) from error
        except DatabaseError as error:
            sentence = (
                "The table of the settings' help cannot be used; check DATABASE_URL and run "
                "`manage.py migrate`."
            )
            raise CommandError(sentence, returncode=2) from error
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
