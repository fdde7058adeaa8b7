"""A job that fails at first: its retries are worth looking at."""

import os
from typing import Any

from django.core.management.base import CommandError, CommandParser

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Fail until the attempt number reaches --succeed-at; 0 never succeeds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--succeed-at", type=int, default=3, help="first attempt that succeeds (default: 3)"
        )

    def work(self, options: dict[str, Any]) -> None:
        attempt, needed = int(os.environ.get("SCHEDULER_ATTEMPT", "1")), options["succeed_at"]
        if needed == 0 or attempt < needed:
            raise CommandError(f"attempt {attempt} failed, as this job is meant to")
        self.stdout.write(f"attempt {attempt} went well")
