"""A job that an event starts: it finds the event in its environment."""

import json
import os
from typing import Any

from django.core.management.base import CommandError, CommandParser

from scheduler_demo.sample.command import SampleCommand


class Command(SampleCommand):
    help = "Take an order: fail unless the event is there and says what the arguments say."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--number", type=int, required=True, help="mapped from the payload")
        parser.add_argument("--fail-until", type=int, default=1, help="attempt that succeeds")

    def work(self, options: dict[str, Any]) -> None:
        event = json.loads(os.environ.get("SCHEDULER_EVENT_JSON", "null"))
        if event is None or event["payload"]["number"] != options["number"]:
            raise CommandError(f"this is not the event of order {options['number']}: {event}")
        attempt = int(os.environ.get("SCHEDULER_ATTEMPT", "1"))
        if attempt < options["fail_until"]:
            raise CommandError(f"attempt {attempt} failed, as this job is meant to")
        self.stdout.write(f"order {options['number']}: {event['payload']}")
