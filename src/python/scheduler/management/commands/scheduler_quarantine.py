"""``manage.py scheduler_quarantine``: hold back all that comes due of a job."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.management.asking import add_who, who
from scheduler.management.failing import plainly
from scheduler.requests import quarantine_job


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Quarantine a job: what comes due of it waits until scheduler_release; what runs goes on. "
        "Exit codes: 0 quarantined, 1 it was already, 2 for bad input or a database that does not "
        "answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", help="name of the job")
        parser.add_argument("--reason", default="", help="why, as scheduler_status shows it")
        add_who(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["job"]
        with plainly():
            done = quarantine_job(name, by=who(options), reason=options["reason"].strip())
        if not done:
            raise CommandError(f"Job {name!r} is quarantined already.", returncode=1)
        self.stdout.write(f"Quarantined: {name}. scheduler_release ends it.")
