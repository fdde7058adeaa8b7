"""How the plugin's commands fail: one sentence on stderr, exit code 2, no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.masking import mask_text

BAD_INPUT = 2


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what is wrong with settings or the database into a CommandError."""
    try:
        yield
    except SchedulerError as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    except DatabaseError as error:
        why = mask_text(str(error).strip().partition("\n")[0])
        sentence = f"The database does not answer ({why}); check DATABASE_URL, or run migrate."
        raise CommandError(sentence, returncode=BAD_INPUT) from error
