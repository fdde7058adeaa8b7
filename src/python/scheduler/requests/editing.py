"""Edits that must not overwrite what another has done meanwhile, and making without changing."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError

from scheduler.domain.errors import JobNotFound, SchedulerError
from scheduler.models import JobDefinition
from scheduler.requests.calendars import ensure_calendar
from scheduler.requests.jobs import EDITABLE_FIELDS, insert_definition
from scheduler.requests.links import lock_dependencies
from scheduler.requests.recording import Ring, writing


class JobExists(SchedulerError):
    """A job of this name is there already."""

    code = "JOB_EXISTS"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is a job {name!r} already; change that one, or choose a name.")


class EditConflict(SchedulerError):
    """The job was changed since the caller read it."""

    code = "EDIT_CONFLICT"

    def __init__(self, name: str, expected: Collection[int], current: int) -> None:
        self.name, self.expected, self.current = name, frozenset(expected), current
        known = ", ".join(map(str, sorted(expected))) or "another"
        super().__init__(
            f"Job {name!r} is at revision {current}, not {known}; read it again, then edit."
        )


@contextmanager
def at_revision(
    definition: JobDefinition,
    expected: Collection[int] | None,
    *,
    by: str,
    calendar: str | None = None,
) -> Iterator[None]:
    """A transaction in which the job keeps the revision it is expected to have (None: any).

    ``calendar`` is the one that the edit names, if any. Raises EditConflict, and JobNotFound when
    it was deleted meanwhile."""
    with writing():
        # Before the job's row, as all do who take these: two that took them in another order
        # would wait for each other.
        lock_dependencies()
        if calendar:
            ensure_calendar(calendar, by=by)
        rows = JobDefinition.objects.filter(pk=definition.pk, deleted_at=None)
        locked = rows.select_for_update(no_key=True).first()
        if locked is None:
            raise JobNotFound(definition.name)
        if expected is not None and locked.revision not in expected:
            raise EditConflict(definition.name, expected, locked.revision)
        yield


def create_definition(
    name: str, *, by: str, ring: Ring | None = None, **fields: Any
) -> JobDefinition:
    """Make a job that is not there yet. Raises JobExists, and django's ValidationError by field."""
    try:
        with writing():
            if JobDefinition.objects.filter(name=name, deleted_at=None).exists():
                raise JobExists(name)
            return insert_definition(name, by=by, ring=ring, **fields)
    except (IntegrityError, ValidationError) as error:
        if not JobDefinition.objects.filter(name=name, deleted_at=None).exists():
            raise
        # Another made it between the look and the insert.
        raise JobExists(name) from error


def with_defaults(fields: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """``fields`` and, of those of ``names`` that are absent, a new job's value."""
    fresh = JobDefinition()
    absent = (EDITABLE_FIELDS & set(names)) - fields.keys()
    return {**{name: getattr(fresh, name) for name in absent}, **fields}
