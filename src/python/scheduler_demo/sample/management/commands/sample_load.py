"""Loads the sample jobs, or job definitions of a file, into the scheduler."""

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler.domain.errors import SchedulerError
from scheduler_demo.sample.loading import load_jobs, load_sample_jobs


class Command(BaseCommand):
    help = "Load the sample jobs that do not exist yet; those that exist stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--jobs", choices=("all", "pulse"), default="all", help="which samples (default: all)"
        )
        parser.add_argument(
            "--burst",
            type=int,
            default=0,
            metavar="N",
            help="have N jobs that are all due at second 30 of each minute (default: 0)",
        )
        parser.add_argument(
            "--file",
            type=Path,
            metavar="JSON",
            help="load the definitions of this file (a list of objects) instead",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError (exit code 2) for a definition that is refused."""
        try:
            made = self._load(options)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages), returncode=2) from None
        except SchedulerError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"{made} definitions loaded")

    def _load(self, options: dict[str, Any]) -> int:
        if options["file"]:
            return load_jobs(json.loads(options["file"].read_text()))
        return load_sample_jobs(options["jobs"], options["burst"])
