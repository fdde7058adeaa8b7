"""A job that takes its time."""

import time
from typing import Any

from django.core.management.base import CommandParser

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Work for some seconds, telling how far it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=20.0, help="how long (default: 20)")

    def work(self, options: dict[str, Any]) -> None:
        seconds = float(options["seconds"])
        steps = max(1, int(seconds))
        for step in range(steps):
            time.sleep(seconds / steps)
            self.stdout.write(f"step {step + 1} of {steps}")
            self.stdout.flush()
