"""The values that pass between the core and its plugins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from scheduler.domain.alerts import Alert, AlertCode, AlertSeverity
from scheduler.domain.values import LaunchSpec, RunState, RunTransition, StartOrder

__all__ = [
    "Alert",
    "AlertCode",
    "AlertSeverity",
    "Executor",
    "HealthCheck",
    "HealthReport",
    "HealthStatus",
    "JobSketch",
    "LaunchSite",
    "LaunchSpec",
    "RunState",
    "RunTransition",
    "StartOrder",
]


@dataclass(frozen=True, slots=True)
class JobSketch:
    """What an executor is asked about before a job is saved or run."""

    name: str
    command: str
    args: Any
    isolation: str


@dataclass(frozen=True, slots=True)
class LaunchSite:
    """Where a run is about to start: its worker and the file its output goes to."""

    worker_id: str
    log_path: str


@runtime_checkable
class Executor(Protocol):
    """One way to run a job. A job names it in its field ``executor``."""

    @property
    def name(self) -> str:
        """Lower-case letters, digits and ``_``; unique over all plugins."""

    def validate_job(self, job: JobSketch) -> str | None:
        """None, or one sentence that says what in the job cannot be run, and what to do."""

    def launch(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
        """The process to start: ``argv`` is a management command and its arguments (to run
        something else, bring a command that does it), ``env`` what it finds beside the
        ``SCHEDULER_*`` names that every run has. The rest (log, limits, isolation) is the order's,
        whatever the spec says. Raises SchedulerError for a bad order."""


class HealthStatus(StrEnum):
    """How a part of the world is. UNKNOWN: it could not be asked."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A check's answer; ``summary`` is one sentence for people and holds no secret."""

    status: HealthStatus
    summary: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A named question about the world. ``ask`` must answer within a few seconds."""

    name: str
    ask: Callable[[], HealthReport]
