"""A job that always goes well."""

from typing import Any

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Say that all is well."

    def work(self, options: dict[str, Any]) -> None:
        self.stdout.write("All is well.")
