"""Runs for tests of the API that read them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scheduler.models import JobRun
from scheduler.requests import find_job, save_definition

NOW = datetime.now(UTC).replace(microsecond=0)


def run_of(name: str = "report", state: str = "SUCCEEDED", **changes: Any) -> UUID:
    """A run of the job ``name``, which is made if need be."""
    save_definition(name, by="t", command_name="noop")
    number = JobRun.objects.count()
    finished = state not in ("PENDING", "ASSIGNED", "RUNNING")
    values: dict[str, Any] = {
        "definition": find_job(name),
        "slot_key": f"t:{number}",
        "state": state,
        "scheduled_for": NOW,
        "due_at": NOW,
        "started_at": NOW if state != "PENDING" else None,
        "finished_at": NOW if finished else None,
        "worker_id": "w-1" if state != "PENDING" else None,
    } | changes
    return JobRun.objects.create(**values).pk


def ids(answer: Any) -> list[UUID]:
    return [UUID(run["run_id"]) for run in answer.json()["runs"]]
