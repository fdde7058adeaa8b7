"""A job that keeps a core busy."""

import hashlib
import time
from typing import Any

from django.core.management.base import CommandParser

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Use CPU time: hash until the given seconds of it are spent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--cpu-seconds", type=float, default=2.0, help="CPU time to use (default: 2)"
        )

    def work(self, options: dict[str, Any]) -> None:
        digest, rounds = b"sample", 0
        end = time.process_time() + options["cpu_seconds"]
        while time.process_time() < end:
            digest, rounds = hashlib.sha256(digest * 64).digest(), rounds + 1
        self.stdout.write(f"{rounds} rounds, {digest.hex()[:16]}")
