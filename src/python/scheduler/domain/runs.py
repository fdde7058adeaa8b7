"""A waiting and an active run as the deciders see them, and what sets one waiting run apart.

The two Protocols name exactly the facts that assignment and concurrency ask for, so that a row
of the store can be passed as it is.

A run is **on time** when it is the first attempt of a timed slot (``t:``) that was planned to
start at its own instant. Everything else owes its slot an outcome later than that instant:
a **catch-up** (a missed slot that the misfire policy runs; its ``due_at`` is when it was
planned), a retry, a backfill, a request, an event. Only a run on time can come too late.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from scheduler.domain.values import Reason, RunState

TIMED, BACKFILL = "t:", "b:"


def slot_instant(instant: datetime) -> str:
    """An instant as slot keys spell it, UTC: ``2026-11-23T06:00:00Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


class WaitingRun(Protocol):
    """A PENDING run with what assignment asks of its definition. Instants are aware UTC."""

    @property
    def run_id(self) -> UUID: ...
    @property
    def definition_id(self) -> int: ...
    @property
    def slot_key(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def scheduled_for(self) -> datetime: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def priority(self) -> int: ...
    @property
    def queue(self) -> str: ...
    @property
    def required_labels(self) -> Mapping[str, str]: ...
    @property
    def executor(self) -> str: ...
    @property
    def concurrency_policy(self) -> str: ...
    @property
    def max_parallel(self) -> int | None: ...
    @property
    def skip_late_after_seconds(self) -> int | None: ...
    @property
    def cancel_requested(self) -> bool: ...
    @property
    def quarantined(self) -> bool: ...
    @property
    def depends(self) -> bool:
        """Whether its definition depends on others (``domain.dependencies``)."""

    @property
    def reason(self) -> Reason | None:
        """The reason kept for it so far: why it waits."""

    @property
    def start_cap_per_minute(self) -> int | None: ...
    @property
    def retry_budget_per_hour(self) -> int | None: ...
    @property
    def quarantine_after_failures(self) -> int | None: ...
    @property
    def own_retry(self) -> bool:
        """A retry that its job's own failure caused, where the job has a budget of retries; not
        one after a lost worker, nor after an attempt that never had a process."""


class ActiveRun(Protocol):
    """An ASSIGNED or RUNNING run; with ``cancel_requested`` it is on its way out."""

    @property
    def run_id(self) -> UUID: ...
    @property
    def definition_id(self) -> int: ...
    @property
    def state(self) -> RunState: ...
    @property
    def worker_id(self) -> str: ...
    @property
    def cancel_requested(self) -> bool: ...


def is_on_time(run: WaitingRun) -> bool:
    """True for the first attempt of a timed slot that was planned for its own instant."""
    timed = run.slot_key.startswith(TIMED)
    return timed and run.attempt == 1 and run.due_at == run.scheduled_for


def is_catch_up(run: WaitingRun) -> bool:
    """True for a missed slot, or a slot of a backfill, that runs after its instant has passed."""
    if run.slot_key.startswith(BACKFILL):
        return True
    timed = run.slot_key.startswith(TIMED)
    return timed and run.attempt == 1 and run.due_at > run.scheduled_for


def too_late_after(run: WaitingRun, default_seconds: float) -> datetime | None:
    """The instant after which this run is skipped as SKIP_LATE; None when it never is.

    One that depends on others may start as late as they end: the default says nothing of it."""
    own = run.skip_late_after_seconds
    if not is_on_time(run) or (run.depends and own is None):
        return None
    return run.due_at + timedelta(seconds=default_seconds if own is None else own)


def is_guarded(run: WaitingRun) -> bool:
    """Whether the storm guard may hold runs of this job: they are decided when they are due."""
    limits = (run.start_cap_per_minute, run.retry_budget_per_hour, run.quarantine_after_failures)
    return any(limit is not None for limit in limits)
