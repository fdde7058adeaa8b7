"""``manage.py scheduler_pause``: start nothing any more, in the whole cluster."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.management.asking import add_who, who
from scheduler.management.failing import plainly
from scheduler.requests import pause


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Pause the whole cluster: nothing starts until scheduler_resume, whatever restarts; what "
        "runs goes on, and so does planning. Timed runs that wait longer than they may be late "
        "become SKIPPED. Exit codes: 0 paused, 1 it was paused already, 2 for bad input or a "
        "database that does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", default="", help="why, as scheduler_status shows it")
        add_who(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            done = pause(by=who(options), reason=options["reason"].strip())
        if not done:
            raise CommandError("The cluster is paused already; see scheduler_status.", returncode=1)
        self.stdout.write("Paused: nothing starts until scheduler_resume.")
