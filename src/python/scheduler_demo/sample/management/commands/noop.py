"""Does nothing: what a run costs by itself."""

from typing import Any

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Do nothing. Measures what a run costs by itself."

    def work(self, options: dict[str, Any]) -> None:
        """Nothing."""
