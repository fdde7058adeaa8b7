"""A job that logs a lot, to both streams."""

from typing import Any

from django.core.management.base import CommandParser

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Write many lines to standard output, and every hundredth to standard error too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lines", type=int, default=5000, help="how many (default: 5000)")

    def work(self, options: dict[str, Any]) -> None:
        for number in range(1, options["lines"] + 1):
            self.stdout.write(f"line {number}: the quick brown fox jumps over the lazy dog")
            if number % 100 == 0:
                self.stderr.write(f"warning at line {number}")
