"""Writes the sample timetable into the scheduler, as a person would: by requests."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone

from scheduler.domain.schedules import with_anchor
from scheduler.models import JobDefinition
from scheduler_demo.sample.jobs import burst_jobs


def load_jobs(jobs: Iterable[Mapping[str, Any]]) -> int:
    """Make the definitions whose names are not taken; returns how many were made.

    Raises a SchedulerError for a definition that is refused."""
    taken = set(JobDefinition.objects.filter(deleted_at=None).values_list("name", flat=True))
    missing = [job for job in jobs if job["name"] not in taken]
    for job in missing:
        j = dict(job)
        j["schedule"] = j["schedule"] and with_anchor(j["schedule"], timezone.now())
        JobDefinition.objects.create(**j)
    return len(missing)


def load_burst_jobs(count: int) -> int:
    """Have exactly ``count`` burst jobs enabled; returns how many were made or changed."""
    return load_jobs(burst_jobs(count))
