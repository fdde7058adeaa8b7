"""Figures that a plugin adds to those the monitoring shows, whatever the format they end up in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from scheduler.domain.values import RunState


class MetricKind(StrEnum):
    """A counter never goes down while the process lives; a gauge may."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value. Label values come from a small set that does not grow with the number of runs."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure with its samples. ``name`` as Prometheus wants it: ``scheduler_`` first, the unit
    last (``_seconds``, ``_bytes``), ``_total`` at the end of a counter."""

    name: str
    kind: MetricKind
    help: str
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class RunMeasure:
    """What one finished run took, measured by the worker that ran it. Instants are aware UTC.

    ``started_at`` is None for a run that had no process. What could not be measured is None.
    """

    run_id: UUID
    job_name: str
    queue: str
    attempt: int
    state: RunState
    reason: str
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime
    cpu_user_seconds: float | None
    cpu_system_seconds: float | None
    max_rss_bytes: int | None
    read_bytes: int | None
    write_bytes: int | None
