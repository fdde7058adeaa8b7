"""What the screen shows, asked of the scheduler's own read side."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """``load`` is the share of its host's CPU time in use, where the worker told it."""

    node_id: str
    worker_id: str
    role: str
    state: str
    open_runs: int
    capacity: int
    load: float | None


@dataclass(frozen=True, slots=True)
class RunLine:
    """``seconds`` from claim to end, None while it runs or when it never ran."""

    job: str
    due_at: datetime
    attempt: int
    state: str
    reason: str
    worker_id: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A moment of the cluster. ``due_next`` holds (job, instant), soonest first."""

    leader: str | None
    epoch: int
    workers: list[WorkerLine]
    runs_by_state: dict[str, int]
    recent: list[RunLine]
    due_next: list[tuple[str, datetime]]


def take_picture() -> Picture:
    """The cluster as it is now."""
    raise NotImplementedError
