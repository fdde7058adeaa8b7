"""``manage.py scheduler_resume``: start runs again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.management.asking import add_who, who
from scheduler.management.failing import plainly
from scheduler.requests import resume


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Resume a paused cluster. Exit codes: 0 resumed, 1 it was not paused, 2 a database that "
        "does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_who(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly():
            done = resume(by=who(options))
        if not done:
            raise CommandError("The cluster is not paused.", returncode=1)
        self.stdout.write("Resumed: what waited starts now.")
