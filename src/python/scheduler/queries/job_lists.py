"""Jobs in pages, in the order of their names; deleted ones are not shown."""

import re
from dataclasses import dataclass

from scheduler.domain.errors import JobNotFound
from scheduler.models import JobDefinition
from scheduler.queries.paging import cut
from scheduler.store.jobs import known_names

BY_ID = re.compile(r"id:([0-9]{1,18})\Z")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs; None: any. ``search`` is a part of the name, whatever its case."""

    search: str | None = None
    enabled: bool | None = None
    queue: str | None = None
    quarantined: bool | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """``next`` is what to give as ``after`` for the following page; None on the last one."""

    jobs: tuple[JobDefinition, ...]
    next: str | None


def job_page(wanted: JobFilter, *, after: str | None = None, limit: int = 50) -> JobPage:
    """The first ``limit`` jobs whose name comes after ``after``."""
    rows = JobDefinition.objects.filter(deleted_at=None).order_by("name")
    if after is not None:
        rows = rows.filter(name__gt=after)
    if wanted.search:
        rows = rows.filter(name__icontains=wanted.search)
    if wanted.enabled is not None:
        rows = rows.filter(enabled=wanted.enabled)
    if wanted.queue is not None:
        rows = rows.filter(queue=wanted.queue)
    if wanted.quarantined is not None:
        rows = rows.filter(quarantined_at__isnull=not wanted.quarantined)
    return JobPage(*cut(list(rows[: limit + 1]), limit, lambda job: job.name))


def job_named(name: str) -> JobDefinition:
    """The job of this name, or of the id in ``id:7`` (for names that fit into no address).

    Raises JobNotFound, with the nearest name."""
    rows = JobDefinition.objects.filter(deleted_at=None)
    found = rows.filter(name=name).first()
    by_id = BY_ID.match(name)
    if found is None and by_id:
        found = rows.filter(pk=int(by_id[1])).first()
    if found is None:
        raise JobNotFound(name, known_names(name))
    return found
