"""Writes the sample timetable into the scheduler, as a person would: by requests."""

from collections.abc import Iterable, Mapping
from typing import Any

from scheduler.models import JobDefinition
from scheduler.requests import save_definition, set_enabled, set_triggers
from scheduler_demo.sample.jobs import BURST_PREFIX, burst_jobs, pulse_jobs, sample_jobs

_BY = "demo"


def load_sample_jobs(which: str = "all", burst: int = 0) -> int:
    """Load all samples, or the pulse only; and have exactly ``burst`` burst jobs enabled.

    Returns how many definitions were made or changed."""
    made = load_jobs(sample_jobs() if which == "all" else pulse_jobs())
    return made + load_jobs(burst_jobs(burst)) + _enable_burst(burst)


def load_jobs(jobs: Iterable[Mapping[str, Any]]) -> int:
    """Make the definitions whose names are not taken; returns how many were made.

    ``triggers`` among a job's fields are its event triggers. Raises django's ValidationError or
    InvalidTrigger for a definition that is refused."""
    taken = set(JobDefinition.objects.filter(deleted_at=None).values_list("name", flat=True))
    missing = [dict(job) for job in jobs if job["name"] not in taken]
    for job in missing:
        name, triggers = job.pop("name"), job.pop("triggers", [])
        save_definition(name, by=_BY, **job)
        set_triggers(name, triggers, by=_BY)
    return len(missing)


def _enable_burst(count: int) -> int:
    wanted = {job["name"] for job in burst_jobs(count)}
    known = JobDefinition.objects.filter(deleted_at=None, name__startswith=BURST_PREFIX)
    changes = [
        (name, name in wanted)
        for name, enabled in known.values_list("name", "enabled")
        if enabled != (name in wanted)
    ]
    for name, enabled in changes:
        set_enabled(name, enabled, by=_BY)
    return len(changes)
