"""What runs beside the scheduler for as long as a process lives, and what it may see of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from scheduler.plugin_api.metrics import Metric


@dataclass(frozen=True, slots=True)
class Service:
    """A plugin's work in the background, on a thread of its own.

    ``tick`` does one round and returns the seconds until the next; after an exception it is tried
    again, at first after a second, then less and less often. ``close`` is called at the end.
    """

    name: str
    tick: Callable[[], float]
    close: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """A worker as it sees itself now. ``epoch`` is that of its term, None where it does not lead;
    ``certificate_expires_at`` is None without TLS."""

    worker_id: str
    node_id: str
    role: str
    epoch: int | None
    joined: bool
    draining: bool
    capacity: int
    running: int
    certificate_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """One thing that a worker needs to do its work: ``database``, ``redis``, ``certificate``,
    ``registered``. ``summary`` is one sentence without secrets."""

    name: str
    ok: bool
    summary: str


@dataclass(frozen=True, slots=True)
class LoopPulse:
    """One of the loops that do the worker's work. ``busy_seconds``: how long the step under way has
    taken so far, 0 between two steps. ``dead``: its thread ended though nobody asked it to."""

    name: str
    busy_seconds: float
    dead: bool


@dataclass(frozen=True, slots=True)
class LocalLog:
    """The log file of a run in this machine's log folder; other workers of the machine may share
    the folder. ``day`` and ``job_slug`` are the names of its folders."""

    run_id: UUID
    day: date
    job_slug: str
    path: Path


@dataclass(frozen=True, slots=True)
class LeadershipChange:
    """This worker became the leader (``gained``), or ceased to be it. ``at`` is aware UTC."""

    worker_id: str
    epoch: int
    gained: bool
    at: datetime


class WorkerView(Protocol):
    """A worker, as its plugins see it. Safe for threads."""

    def snapshot(self) -> WorkerSnapshot:
        """Never waits for a network."""

    def readiness(self) -> tuple[Readiness, ...]:
        """Asks the database and Redis, with short time limits."""

    def loops(self) -> tuple[LoopPulse, ...]:
        """Never waits for a network. A step may be long because a server that was asked is frozen:
        that a loop hangs in this process is sure only while ``readiness`` finds the servers well.
        """

    def local_logs(self) -> Iterator[LocalLog]:
        """Every log in the folder, whoever wrote it, in no order."""

    def running(self) -> frozenset[UUID]:
        """The runs that this worker executes now."""

    def metrics(self) -> tuple[Metric, ...]:
        """The figures of all plugins in this process (``scheduler_metrics``), and of how often
        they failed; asks them side by side, with time limits."""
