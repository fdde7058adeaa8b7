"""What the database knows of runs whose logs somebody holds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Exists, OuterRef

from scheduler.execution.logs import job_slug
from scheduler.models import JobRun, WorkerLease
from scheduler.store.connections import unavailable

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class RunLogState:
    """``ended_at`` is aware UTC, None while the run is open. ``log_ref`` is what is recorded: a
    path of the worker's, an archive's address, or nothing. ``worker_lives``: the worker that had
    the run is still there."""

    run_id: UUID
    job_name: str
    ended_at: datetime | None
    log_ref: str
    worker_lives: bool

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    @property
    def archived(self) -> bool:
        """What is recorded is an address, no path of a machine."""
        return "://" in self.log_ref


def run_log_states(run_ids: Collection[UUID]) -> dict[UUID, RunLogState]:
    """The states of those of the runs that have a row, by one query per thousand.

    Uses Django's connection of the calling thread. Raises DatabaseUnavailable, after which the
    next call connects anew."""
    wanted = list(run_ids)
    try:
        return {
            state.run_id: state
            for at in range(0, len(wanted), _AT_ONCE)
            for state in _states(wanted[at : at + _AT_ONCE])
        }
    except DatabaseError as error:
        raise unavailable(error) from None


def not_archived(run_ids: Collection[UUID]) -> set[UUID]:
    """Those for which no archive's address is recorded, runs without a row among them. Raises as
    ``run_log_states``."""
    states = run_log_states(run_ids).values()
    return set(run_ids) - {state.run_id for state in states if state.archived}


def folder_of_job(job_name: str) -> str:
    """The name of the folder in which a job's logs are."""
    return job_slug(job_name)


def _states(run_ids: list[UUID]) -> list[RunLogState]:
    lives = WorkerLease.objects.filter(pk=OuterRef("worker_id"), state="LIVE", ended_at=None)
    rows = JobRun.objects.filter(pk__in=run_ids).order_by().annotate(lives=Exists(lives))
    found = rows.values_list("pk", "definition__name", "finished_at", "detail__log_ref", "lives")
    return [
        RunLogState(run_id, job, ended_at, log_ref or "", bool(worker_lives))
        for run_id, job, ended_at, log_ref, worker_lives in found
    ]
