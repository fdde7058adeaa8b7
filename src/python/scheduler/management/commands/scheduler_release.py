"""``manage.py scheduler_release``: let a quarantined job run again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.management.asking import add_who, who
from scheduler.management.failing import plainly
from scheduler.requests import release_quarantine


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Release a job from quarantine, and count its failures anew: what waited starts. Exit "
        "codes: 0 released, 1 it was not quarantined, 2 for bad input or a database that does not "
        "answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", help="name of the job")
        add_who(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["job"]
        with plainly():
            done = release_quarantine(name, by=who(options))
        if not done:
            raise CommandError(f"Job {name!r} is not quarantined.", returncode=1)
        self.stdout.write(f"Released: {name}.")
