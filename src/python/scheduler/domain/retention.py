"""How long history is kept, and what may be purged.

The promise: only what is finished and owes nothing is ever purged. An open run, or one whose
retry has not been turned into its next attempt yet, is kept whatever its age. Purging a run
cannot bring its slot back: the planner's cursor has passed it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.domain.errors import InvalidSetting
from scheduler.domain.values import FINISHED_STATES, RunState


@dataclass(frozen=True, slots=True)
class RetentionDays:
    """Days to keep each kind of history; None keeps it for ever."""

    runs: int | None = 90
    logs: int | None = 30
    events: int | None = 90
    audit: int | None = 365


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What ended, or happened, before these instants (aware UTC) may go; None: nothing may."""

    runs: datetime | None
    logs: datetime | None
    events: datetime | None
    audit: datetime | None


def cutoffs(days: RetentionDays, now: datetime) -> Cutoffs:
    """The instants that ``days`` mean at ``now``. Raises InvalidSetting for less than a day."""
    return Cutoffs(
        runs=_cutoff("runs", days.runs, now),
        logs=_cutoff("logs", days.logs, now),
        events=_cutoff("events", days.events, now),
        audit=_cutoff("audit", days.audit, now),
    )


def _cutoff(kind: str, days: int | None, now: datetime) -> datetime | None:
    if days is None:
        return None
    if days < 1:
        raise InvalidSetting(f"retention days of {kind}", days, "1 or more, or none for ever")
    return now - timedelta(days=days)


def may_purge_run(
    state: RunState,
    finished_at: datetime | None,
    retry_due_at: datetime | None,
    cutoff: datetime | None,
) -> bool:
    """Whether this run's row may be deleted; the store's statement says the same in SQL."""
    owes_nothing = state in FINISHED_STATES and retry_due_at is None
    return owes_nothing and is_older(finished_at, cutoff)


def is_older(happened_at: datetime | None, cutoff: datetime | None) -> bool:
    """Whether an event, log or audit row of ``happened_at`` lies before ``cutoff``."""
    return happened_at is not None and cutoff is not None and happened_at < cutoff
