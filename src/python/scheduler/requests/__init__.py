"""The write side for people: what is asked for is written down; the leader carries it out.

Every request is kept in AdminActionLog, in the same transaction, with who asked (``by``).
"""

from scheduler.requests.calendars import (
    delete_calendar,
    find_calendar,
    refresh_calendar,
    save_calendar,
    set_days,
)
from scheduler.requests.cluster import (
    pause,
    request_degrade_leader,
    request_detach,
    request_drain,
    request_undo_drain,
    resume,
)
from scheduler.requests.dependencies import set_dependencies
from scheduler.requests.events import ingest
from scheduler.requests.jobs import (
    delete_definition,
    release_ownership,
    save_definition,
    set_enabled,
)
from scheduler.requests.quarantine import quarantine_job, release_quarantine
from scheduler.requests.runs import find_run, request_cancel, request_rerun, request_run
from scheduler.requests.triggers import set_triggers
from scheduler.store.jobs import find_job

__all__ = [
    "delete_calendar",
    "delete_definition",
    "find_calendar",
    "find_job",
    "find_run",
    "ingest",
    "pause",
    "quarantine_job",
    "refresh_calendar",
    "release_ownership",
    "release_quarantine",
    "request_cancel",
    "request_degrade_leader",
    "request_detach",
    "request_drain",
    "request_rerun",
    "request_run",
    "request_undo_drain",
    "resume",
    "save_calendar",
    "save_definition",
    "set_days",
    "set_dependencies",
    "set_enabled",
    "set_triggers",
]
