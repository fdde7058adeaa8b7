"""Loads the sample jobs, or job definitions of a file, into the scheduler."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler.domain.errors import SchedulerError
from scheduler_demo.sample.jobs import pulse_jobs, sample_jobs
from scheduler_demo.sample.loading import load_burst_jobs, load_jobs


class Command(BaseCommand):
    help = "Load the sample jobs that do not exist yet; those that exist stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--jobs", choices=("all", "pulse"), default="all", help="which samples (default: all)"
        )
        parser.add_argument(
            "--burst", type=int, default=0, metavar="N", help="N jobs due at second 30"
        )
        parser.add_argument(
            "--file", type=Path, help="load the definitions of this JSON file (a list) instead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError (exit code 2) for a definition that is refused."""
        try:
            if options["file"]:
                made = load_jobs(json.loads(options["file"].read_text()))
            else:
                made = load_jobs(sample_jobs() if options["jobs"] == "all" else pulse_jobs())
                made += load_burst_jobs(options["burst"])
        except SchedulerError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"{made} definitions loaded")
