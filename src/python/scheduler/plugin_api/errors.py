"""The root of all errors, for plugins to derive theirs from: a ``code``, and one sentence that
says what went wrong, which thing it was and what to do next, without a secret."""

from scheduler.domain.errors import SchedulerError

__all__ = ["SchedulerError"]
