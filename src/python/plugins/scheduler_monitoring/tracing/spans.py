"""The spans of an ended run, from the instants of its row. Pure.

::

    run      planned ----------------------------------------------------------- ended
    plan     due ..... planned          (of a run that was planned after it was due)
    assign             planned --- assigned to a worker
    dispatch                       assigned --- claimed by the worker
    execute                                     claimed --------------- finished
    finish                                                              finished - recorded
    archive                                                             finished --- archived

What is archived is archived after the trace was sent: that span follows by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from scheduler.plugin_api.values import RunState
from scheduler.queries.run_histories import RunHistory
from scheduler_monitoring.tracing.identity import (
    ARCHIVE,
    ASSIGN,
    DISPATCH,
    EXECUTE,
    FINISH,
    PLAN,
    ROOT,
    span_id,
    trace_id,
)

WENT_WELL = frozenset({RunState.SUCCEEDED, RunState.SKIPPED, RunState.CANCELED})

type Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class RunSpan:
    """One span. ``parent`` None: the trace's root. ``link``: (trace id, span id) of the attempt
    before this one. Instants are aware UTC, ``end`` never before ``start``."""

    name: str
    trace: int
    span: int
    parent: int | None
    start: datetime
    end: datetime
    failed: bool = False
    told: str = ""
    link: tuple[int, int] | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)


def spans_of(run: RunHistory, recorded_at: datetime) -> tuple[RunSpan, ...]:
    """The trace of a run that has ended, the root first; ``recorded_at``: when its end was
    committed."""
    end = max(recorded_at, run.finished_at or recorded_at)
    parts = tuple(_parts(run, end))
    start = min([run.planned_at, *(part.start for part in parts)])
    return (_root(run, start, end), *parts)


def archive_span(run: RunHistory, log_ref: str, archived_at: datetime) -> RunSpan:
    """From the end of the run until its log was known to be in its archive."""
    span = _part(run, ARCHIVE, run.finished_at or archived_at, archived_at)
    return replace(span, attributes={"scheduler.run.log_ref": log_ref})


def _root(run: RunHistory, start: datetime, end: datetime) -> RunSpan:
    failed = run.state not in WENT_WELL
    return RunSpan(
        name=f"{ROOT} {run.job_name}",
        trace=trace_id(run.run_id),
        span=span_id(run.run_id, ROOT),
        parent=None,
        start=start,
        end=max(start, end),
        failed=failed,
        told=run.reason or run.state.value if failed else "",
        link=_former(run.retry_of),
        attributes=_attributes(run),
    )


def _parts(run: RunHistory, recorded_at: datetime) -> Iterator[RunSpan]:
    yield _part(run, PLAN, min(run.due_at, run.planned_at), run.planned_at)
    if run.assigned_at is None:
        return
    yield _part(run, ASSIGN, run.planned_at, run.assigned_at)
    if run.started_at is None:
        return
    yield _part(run, DISPATCH, run.assigned_at, run.started_at)
    finished_at = run.finished_at or recorded_at
    failed = run.state not in WENT_WELL
    yield _part(run, EXECUTE, run.started_at, finished_at, failed)
    yield _part(run, FINISH, finished_at, recorded_at)


def _part(
    run: RunHistory, name: str, start: datetime, end: datetime, failed: bool = False
) -> RunSpan:
    return RunSpan(
        name=name,
        trace=trace_id(run.run_id),
        span=span_id(run.run_id, name),
        parent=span_id(run.run_id, ROOT),
        start=start,
        # Clocks of machines differ a little; no span may end before it begins.
        end=max(start, end),
        failed=failed,
        told=run.reason if failed else "",
    )


def _former(retry_of: UUID | None) -> tuple[int, int] | None:
    return None if retry_of is None else (trace_id(retry_of), span_id(retry_of, ROOT))


def _attributes(run: RunHistory) -> dict[str, Value]:
    known: dict[str, Value | None] = {
        "scheduler.run.id": str(run.run_id),
        "scheduler.job.name": run.job_name,
        "scheduler.job.queue": run.queue,
        "scheduler.job.command": run.command,
        "scheduler.job.executor": run.executor,
        "scheduler.run.slot": run.slot_key,
        "scheduler.run.attempt": run.attempt,
        "scheduler.run.state": run.state.value,
        "scheduler.run.reason": run.reason or None,
        "scheduler.run.exit_code": run.exit_code,
        "scheduler.run.scheduled_for": run.scheduled_for.isoformat(),
        "scheduler.run.due_at": run.due_at.isoformat(),
        "scheduler.run.cpu_seconds": run.cpu_seconds,
        "scheduler.run.max_rss_bytes": run.max_rss_bytes,
        "scheduler.run.log_ref": run.log_ref or None,
        "scheduler.worker.id": run.worker_id,
    }
    return {name: value for name, value in known.items() if value is not None}
