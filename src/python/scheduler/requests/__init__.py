"""The write side for people: what is asked for is written down; the leader carries it out.

Every request is kept in AdminActionLog, in the same transaction, with who asked (``by``).
"""

from scheduler.requests.cluster import (
    pause,
    request_degrade_leader,
    request_detach,
    request_drain,
    request_undo_drain,
    resume,
)
from scheduler.requests.jobs import (
    delete_definition,
    find_job,
    release_ownership,
    release_quarantine,
    save_definition,
    set_enabled,
)
from scheduler.requests.runs import find_run, request_cancel, request_rerun, request_run

__all__ = [
    "delete_definition",
    "find_job",
    "find_run",
    "pause",
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
    "save_definition",
    "set_enabled",
]
