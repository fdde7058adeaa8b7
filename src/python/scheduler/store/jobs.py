"""Jobs by name, as they are stored: for those who read and who write them."""

from collections.abc import Iterable

from scheduler.domain.errors import JobNotFound
from scheduler.models import JobDefinition

NAME_LENGTH, SEARCHED = 200, 5_000


def find_job(name: str) -> JobDefinition:
    """The job of this name that is not deleted. Raises JobNotFound with the nearest."""
    found = JobDefinition.objects.filter(name=name, deleted_at=None).first()
    if found is None:
        raise JobNotFound(name, known_names(name))
    return found


def find_job_or_deleted(name: str) -> JobDefinition:
    """The job of this name; where none has it any more, the newest deleted one that had it.

    Raises JobNotFound with the nearest of those that are not deleted."""
    newest = JobDefinition.objects.filter(name=name, deleted_at__isnull=False).order_by("-id")
    found = JobDefinition.objects.filter(name=name, deleted_at=None).first() or newest.first()
    if found is None:
        raise JobNotFound(name, known_names(name))
    return found


def known_names(name: str) -> Iterable[str]:
    """The names among which the nearest to a wrong one is looked for: none for one that is longer
    than a job's may be, and not all of very many."""
    if len(name) > NAME_LENGTH:
        return ()
    rows = JobDefinition.objects.filter(deleted_at=None)
    return rows.values_list("name", flat=True)[:SEARCHED]
