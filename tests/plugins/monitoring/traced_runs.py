"""Runs whose traces the tests export."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from scheduler.domain.values import RunState, RunTransition
from scheduler.queries.run_histories import RunHistory, planned_at
from scheduler_monitoring.tracing.exporting import TraceExporter
from scheduler_monitoring.tracing.identity import Sampler

RUN = UUID("0190f3a0-0000-7000-8000-000000000001")
PLANNED = planned_at(RUN)
DUE = PLANNED + timedelta(seconds=5)


def seconds(number: float) -> datetime:
    return PLANNED + timedelta(seconds=number)


def history(**changes) -> RunHistory:
    values: dict[str, Any] = {
        "run_id": RUN,
        "job_name": "report",
        "queue": "default",
        "command": "noop",
        "executor": "management_command",
        "slot_key": "t:x",
        "attempt": 1,
        "state": RunState.SUCCEEDED,
        "reason": "",
        "retry_of": None,
        "worker_id": "w-1",
        "exit_code": 0,
        "scheduled_for": DUE,
        "due_at": DUE,
        "planned_at": PLANNED,
        "assigned_at": seconds(1),
        "started_at": seconds(5),
        "finished_at": seconds(8),
        "cpu_seconds": 0.5,
        "max_rss_bytes": 1000,
        "log_ref": "",
    }
    return RunHistory(**(values | changes))


def transition(run: UUID, at: datetime, new: RunState = RunState.SUCCEEDED) -> RunTransition:
    return RunTransition(run, 1, "report", 1, RunState.RUNNING, new, "", "w-1", at)


class Exporting:
    """An exporter over histories of the test's, at a time of the test's."""

    def __init__(self, *runs: RunHistory, share: float = 1.0) -> None:
        self.now = seconds(10)
        self.counted: list[tuple[str, str, int]] = []
        by_id = {run.run_id: run for run in runs}
        self.exporter = TraceExporter(
            Sampler(share),
            lambda *what: self.counted.append(what),
            now=lambda: self.now,
            histories=lambda ids: {run: by_id[run] for run in ids if run in by_id},
        )

    def export(self, *transitions: RunTransition) -> None:
        self.exporter.export(transitions)
