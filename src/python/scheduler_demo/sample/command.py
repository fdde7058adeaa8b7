"""What the sample commands share."""

from typing import Any

from django.core.management.base import BaseCommand

from scheduler_demo import evidence


class SampleCommand(BaseCommand):
    """A management command that leaves evidence of its run. Subclasses write ``work``."""

    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        with evidence.recorded():
            self.work(options)

    def work(self, options: dict[str, Any]) -> None:
        """The job itself; an exception fails the run."""
        raise NotImplementedError
