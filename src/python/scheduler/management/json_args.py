"""``--args`` of commands that start runs: a job's arguments as JSON."""

import json
from typing import Any

from django.core.management.base import CommandError

from scheduler.management.failing import BAD_INPUT


def parsed_args(text: str | None) -> Any:
    """The value that ``text`` says; None for none. Raises CommandError with exit code 2."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        sentence = (
            f'--args is not JSON ({error}); write e.g. \'["--day", "1"]\' or \'{{"day": 1}}\'.'
        )
        raise CommandError(sentence, returncode=BAD_INPUT) from error
