"""``manage.py scheduler_run``: ask for one run of a job now."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.domain.values import RunState
from scheduler.management.asking import me
from scheduler.management.failing import plainly
from scheduler.management.json_args import parsed_args
from scheduler.management.watching import TimedOut, Watch
from scheduler.requests import request_run


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Ask for one run of a job now. The leader takes the request, and a worker runs it under "
        "the job's policies. Exit codes with --wait: 0 succeeded, 1 anything else; 2 for bad "
        "input or a database that does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the job")
        parser.add_argument(
            "--args",
            metavar="JSON",
            dest="job_args",
            help="arguments of this run: a JSON list, or an object of options (default: the job's)",
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="wait for the outcome, retries included, and print it",
        )
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="wait at most this long"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        job_args = parsed_args(options["job_args"])
        with plainly():
            request = request_run(options["name"], job_args, by=me())
            if not options["wait"]:
                self.stdout.write(f"Requested: {options['name']} (request {request.id}).")
                return
            watch = Watch(options["timeout"], self._say)
            try:
                run = watch.ended(watch.taken(request.id))
            except TimedOut as over:
                raise CommandError(f"No outcome yet: {over}.", returncode=1) from over
        if run.state is not RunState.SUCCEEDED:
            raise CommandError(f"{options['name']} ended {run.state}.", returncode=1)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
