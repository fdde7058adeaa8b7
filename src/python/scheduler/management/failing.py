"""How a command fails: one sentence on stderr, exit code 2, no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import connection

from scheduler.domain.errors import SchedulerError

BAD_INPUT = 2


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what is a person's or the database's fault into a CommandError with exit code 2."""
    try:
        yield
    except (SchedulerError, ImproperlyConfigured) as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    except ValidationError as error:
        raise CommandError("; ".join(error.messages), returncode=BAD_INPUT) from error
    except UnicodeEncodeError as error:
        # Python keeps bytes of the command line that are no UTF-8 as halves of surrogate pairs.
        sentence = "An argument is not text in UTF-8; write it so."
        raise CommandError(sentence, returncode=BAD_INPUT) from error
    except DatabaseError as error:
        raise CommandError(_database_sentence(error), returncode=BAD_INPUT) from error


def _database_sentence(error: DatabaseError) -> str:
    text = str(error)
    settings = connection.settings_dict
    where = settings["NAME"] if not settings["HOST"] else f"{settings['HOST']}/{settings['NAME']}"
    if "no such table" in text or ("does not exist" in text and "relation" in text):
        return f"The database {where} has no tables of the scheduler; run manage.py migrate."
    why = text.strip().partition("\n")[0]
    return f"The database {where} does not answer ({why}); check DATABASE_URL."
