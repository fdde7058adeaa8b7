"""``manage.py scheduler_triggers``: which events start a job, seen, replaced, and tried out."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from scheduler.domain.cloudevents import structured_event
from scheduler.domain.events import EventLimits, document, native_event
from scheduler.domain.triggers import holds, mapped_args, matches, parse_triggers
from scheduler.management.asking import me
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.management.json_args import load_json
from scheduler.queries.triggers import triggers_of
from scheduler.requests import find_job
from scheduler.requests.triggers import set_triggers

NO_ID = UUID(int=0)


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Show the event triggers of a job as JSON, replace them (--set), or ask whether an event "
        "would start it, and with which arguments (--try; nothing is written). Their form: "
        "docs/events.md. Exit codes: 0 done, with --try: it would start; 1 with --try: it would "
        "not; 2 bad input, or a database that does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the job")
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--set",
            metavar="FILE",
            dest="new",
            help="let the JSON list in this file (-: standard input) be its triggers; []: none",
        )
        action.add_argument(
            "--try",
            metavar="FILE",
            dest="event",
            help="an event as JSON, this platform's own or a CloudEvent (-: standard input)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            job = find_job(options["name"])
            if options["new"]:
                wanted = set_triggers(job.name, _read(options["new"]), by=me())
                self.stderr.write(f"Job {job.name} has {len(wanted)} triggers.")
                return
            triggers = triggers_of([job.pk]).get(job.pk, [])
            if not options["event"]:
                self.stdout.write(json.dumps(triggers, ensure_ascii=False, indent=2))
                return
            event = _event(_read(options["event"]))
            if not self._tells_start(job.name, triggers, event, job.default_args_json):
                raise CommandError(f"The event would not start {job.name}.", returncode=1)
            if not job.enabled:
                raise CommandError(f"But {job.name} is disabled: no event starts it.", returncode=1)

    def _tells_start(
        self, job: str, triggers: list[dict[str, Any]], event: dict[str, Any], default: Any
    ) -> bool:
        """Says of each trigger, in order, whether it matches; ends at the first that does."""
        for place, trigger in enumerate(parse_triggers(triggers)):
            if matches(trigger, event):
                args = mapped_args(job, trigger, event, default)
                shown = json.dumps(default if args is None else args, ensure_ascii=False)
                self.stdout.write(f"trigger {place} matches; arguments: {shown}")
                return True
            broken = [one.path for one in trigger.conditions if not holds(one, event)]
            why = f"conditions on {', '.join(broken)}" if broken else "type, source or subject"
            self.stdout.write(f"trigger {place} ({trigger.event_type}) does not match: {why}")
        return False


def _event(given: Any) -> dict[str, Any]:
    is_cloud = isinstance(given, dict) and "specversion" in given
    read = structured_event if is_cloud else native_event
    return document(NO_ID, read(given, EventLimits(max_bytes=10_000_000, max_depth=200)))


def _read(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return load_json(text)
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{name} cannot be read as JSON ({error}).", returncode=BAD_INPUT
        ) from None
