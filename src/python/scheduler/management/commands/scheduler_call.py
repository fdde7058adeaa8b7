"""``manage.py scheduler_call``: call a function that ``@scheduled`` registered."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduler.jobs import FUNCTION, FunctionNotRegistered, bound, function_of
from scheduler.management.failing import BAD_INPUT, plainly
from scheduler.management.json_args import load_json
from scheduler.requests.declared.discovery import import_job_modules


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Call a function of an app's jobs.py that is decorated with @scheduled; no other is ever "
        "called. Without a path it is the function of the job whose run this is "
        "(SCHEDULER_JOB_NAME). Arguments: --args, else SCHEDULER_ARGS_JSON; a list is positional, "
        "an object names them. Exit codes: 0 returned, 1 raised (with its traceback), 2 for a "
        "function that is not registered or arguments it does not take."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        """Imports the functions: once in the process that runs are forked from."""
        super().__init__(*args, **options)
        with plainly():
            self._broken = import_job_modules()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="?", help="dotted path, for example billing.jobs.close")
        parser.add_argument("--args", metavar="JSON", dest="call_args", help="arguments as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        given = _parsed(options["call_args"] or os.environ.get("SCHEDULER_ARGS_JSON") or "{}")
        path = options["path"] or (given.get(FUNCTION) if isinstance(given, Mapping) else None)
        function = self._function(path)
        try:
            call = bound(function, given)
        except TypeError as error:
            sentence = f"{function.__module__}.{function.__qualname__} cannot be called: {error}."
            raise CommandError(sentence, returncode=BAD_INPUT) from error
        function(*call.args, **call.kwargs)

    def _function(self, path: str | None) -> Any:
        try:
            with plainly():
                return function_of(os.environ.get("SCHEDULER_JOB_NAME", ""), path)
        except CommandError as error:
            if isinstance(error.__cause__, FunctionNotRegistered):
                for module, why in self._broken:
                    sys.stderr.write(f"{module} cannot be imported: {why}\n")
            raise


def _parsed(text: str) -> Any:
    try:
        found = load_json(text)
    except ValueError as error:
        raise CommandError(
            f"The arguments are not JSON ({error}).", returncode=BAD_INPUT
        ) from error
    if not isinstance(found, list | dict):
        raise CommandError("The arguments are neither list nor object.", returncode=BAD_INPUT)
    return found
