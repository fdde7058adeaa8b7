"""``--args`` of commands that start runs: a job's arguments as JSON."""

import json
from typing import Any

from django.core.management.base import CommandError

from scheduler.domain.events import InvalidEvent, check_json
from scheduler.management.failing import BAD_INPUT

DEPTH_AT_MOST = 32


def parsed_args(text: str | None) -> Any:
    """The value that ``text`` says; None for none. Raises CommandError with exit code 2."""
    if text is None:
        return None
    try:
        found = load_json(text)
    except ValueError as error:
        sentence = (
            f'--args is not JSON ({error}); write e.g. \'["--day", "1"]\' or \'{{"day": 1}}\'.'
        )
        raise CommandError(sentence, returncode=BAD_INPUT) from error
    _check(found)
    return found


def load_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError with a short cause, however deep it is nested."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _check(value: Any) -> None:
    """Raises CommandError for what no database takes."""
    try:
        check_json("--args", value, DEPTH_AT_MOST)
    except InvalidEvent as error:
        sentence = f"--args: {error.problem}; allowed: {error.allowed}."
        raise CommandError(sentence, returncode=BAD_INPUT) from error
