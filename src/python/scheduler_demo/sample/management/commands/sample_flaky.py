"""A job that fails now and then, as jobs that call other systems do."""

import random
from typing import Any

from django.core.management.base import CommandError, CommandParser

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Fail with the given chance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--chance", type=float, default=0.3, help="of failing (default: 0.3)")

    def work(self, options: dict[str, Any]) -> None:
        # Seeded by the operating system: a forked process must not repeat its parent's numbers.
        if random.SystemRandom().random() < options["chance"]:
            raise CommandError("the other system did not answer; trying again may help")
        self.stdout.write("the other system answered")
