"""``manage.py scheduler_cancel``: ask for the end of a run."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from scheduler.domain.errors import RunNotFound
from scheduler.domain.values import RunState
from scheduler.management.asking import me
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.management.watching import TimedOut, Watch
from scheduler.queries.runs import run_view
from scheduler.requests import request_cancel


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Cancel a run. One that waits is canceled at once; one that runs gets TERM, then KILL "
        "after its grace. Exit codes: 0 canceled (without --wait: asked for), 1 it had ended or "
        "ended otherwise, 2 for bad input or a database that does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", help="id of the run")
        parser.add_argument("--wait", action="store_true", help="wait until it has ended")
        parser.add_argument(
            "--timeout", type=float, metavar="SECONDS", help="wait at most this long"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        run_id = _parsed(options["run_id"])
        with plainly():
            if not request_cancel(run_id, by=me()):
                self._refuse_ended(run_id)
            if not options["wait"]:
                self.stdout.write(f"Cancel requested: {run_id}.")
                return
            try:
                run = Watch(options["timeout"], self.stdout.write).ended(run_id)
            except TimedOut as over:
                raise CommandError(f"Not canceled yet: {over}.", returncode=1) from over
        if run.state is not RunState.CANCELED:
            raise CommandError(f"The cancel came too late: {run.state}.", returncode=1)

    def _refuse_ended(self, run_id: UUID) -> None:
        run = run_view(run_id)
        if run is None:
            raise RunNotFound(run_id)
        if run.finished:
            raise CommandError(f"Run {run_id} has ended already: {run.state}.", returncode=1)
        self.stderr.write(f"A cancel of run {run_id} was requested before.")


def _parsed(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        sentence = f"{text!r} is not the id of a run; scheduler_status shows those of recent runs."
        raise CommandError(sentence, returncode=BAD_INPUT) from error
