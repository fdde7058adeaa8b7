"""The root of all errors that are raised on purpose; a plugin derives its own from it."""

from scheduler.domain.errors import SchedulerError

__all__ = ["SchedulerError"]
