"""``manage.py scheduler_status``: who leads, who works, what runs and what is due next."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from django.utils import timezone

from scheduler.domain.values import Reason, RunState
from scheduler.management.failing import plainly
from scheduler.plugin_api.host import HealthResult
from scheduler.plugin_api.values import HealthStatus
from scheduler.queries.cluster import ClusterStatus, WorkerStatus, cluster_status
from scheduler.queries.guard import QuarantinedJob, held_runs, quarantined_jobs
from scheduler.queries.health import health
from scheduler.queries.runs import DueView, RunView, due_next, recent_runs, runs_by_state

NO_LEADER = 1


class Command(BaseCommand):
    # Checks of models ask the database: without one they would end in a traceback.
    requires_system_checks = []
    help = (
        "Show the cluster: roles, epoch, workers with load and lease, runs by state (open ones, "
        "and those planned within the last hour), recent runs, what is due next, what the storm "
        "guard holds back, health (the "
        "cluster's own and that of the plugins). Exit codes: 0 someone leads, 1 nobody does, "
        "2 the database does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
        parser.add_argument(
            "--limit", type=int, default=5, metavar="N", help="recent runs and due next shown (5)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        limit = max(0, options["limit"])
        with plainly():
            status, counts = cluster_status(), runs_by_state()
            recent, due = recent_runs(limit), due_next(limit)
            checks = health(status)
            quarantined, held = quarantined_jobs(), held_runs()
        if options["json"]:
            found = _as_json(status, counts, recent, due) | {
                "health": list(map(_check, checks)),
                "quarantined": [asdict(job) for job in quarantined],
                "held": {reason.value: count for reason, count in held.items()},
            }
            self.stdout.write(json.dumps(found, default=_plain, ensure_ascii=False))
        else:
            lines = [
                *_as_text(status, counts, recent, due),
                *_guard_lines(quarantined, held),
                *_health_lines(checks),
            ]
            self.stdout.write("\n".join(lines))
        if not status.has_leader:
            sys.exit(NO_LEADER)


def _as_json(
    status: ClusterStatus, counts: dict[RunState, int], recent: list[RunView], due: list[DueView]
) -> dict[str, Any]:
    return asdict(status) | {
        "has_leader": status.has_leader,
        "runs": {state.value: count for state, count in counts.items()},
        "recent": [asdict(run) for run in recent],
        "due_next": [asdict(each) for each in due],
    }


def _check(result: HealthResult) -> dict[str, Any]:
    return {"plugin": result.plugin, "check": result.check} | asdict(result.report)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _as_text(
    status: ClusterStatus, counts: dict[RunState, int], recent: list[RunView], due: list[DueView]
) -> list[str]:
    open_or_seen = [f"{state.value} {count}" for state, count in counts.items() if count]
    return [
        *_cluster_lines(status),
        "",
        f"Workers: {len(status.workers)}",
        *(_worker_line(worker) for worker in status.workers),
        *(f"  {worker.worker_id} on {worker.node_id}: {worker.state}" for worker in status.ended),
        "",
        f"Runs: {', '.join(open_or_seen) or 'none'}",
        *(_run_line(run) for run in recent),
        "",
        "Due next:" if due else "Due next: nothing",
        *(f"  {_clock(each.due_at)}  {each.job_name}" for each in due),
    ]


def _health_lines(checks: Sequence[HealthResult]) -> list[str]:
    """What is not well; one line when all is."""
    ill = [one for one in checks if one.report.status is not HealthStatus.OK]
    lines = [
        f"  {one.report.status.value.upper()} {one.check} ({one.plugin}): {one.report.summary}"
        for one in ill
    ]
    return ["", f"Health: {len(checks) - len(ill)} of {len(checks)} checks are well", *lines]


def _cluster_lines(status: ClusterStatus) -> list[str]:
    subleader = status.subleader_worker_id or "none"
    lines = [f"Epoch {status.epoch}, leader {_leader(status)}, next in line {subleader}"]
    if not status.has_leader:
        lines.append(
            "Nobody plans or assigns runs now; "
            + (
                "a worker should take over within seconds."
                if status.workers
                else "start one: manage.py scheduler_worker"
            )
        )
    if status.paused:
        lines.append(_pause_line(status))
    return lines


def _pause_line(status: ClusterStatus) -> str:
    since = f" since {_clock(status.paused_at)}" if status.paused_at else ""
    by = f" by {status.paused_by}" if status.paused_by else ""
    why = f" ({status.pause_reason})" if status.pause_reason else ""
    return f"PAUSED{since}{by}{why}: nothing starts until the cluster is resumed."


def _guard_lines(quarantined: Sequence[QuarantinedJob], held: dict[Reason, int]) -> list[str]:
    """Nothing where nothing is held back."""
    lines = [f"Held back: {', '.join(f'{r.value} {n}' for r, n in held.items())}"] if held else []
    if quarantined:
        lines.append(f"Quarantined: {len(quarantined)}")
        lines += [f"  {job.name} since {_clock(job.since)}: {job.reason}" for job in quarantined]
    return ["", *lines] if lines else []


def _leader(status: ClusterStatus) -> str:
    if status.leader_worker_id is None or status.released:
        return "none"
    seen = f"seen {status.leader_seen_seconds or 0:.1f} s ago"
    return f"{status.leader_worker_id} at {status.leader_address} ({seen})"


def _worker_line(worker: WorkerStatus) -> str:
    notes = [worker.desired.value] if worker.desired.value != "active" else []
    notes += ["SUSPECT"] if worker.suspect else []
    load = f"{worker.open_runs}/{worker.capacity}"
    lease = f"lease {worker.lease_left_seconds:.0f} s"
    shown = f" [{', '.join(notes)}]" if notes else ""
    return f"  {worker.worker_id} on {worker.node_id}: {worker.role}, {load} runs, {lease}{shown}"


def _run_line(run: RunView) -> str:
    reason = f" {run.reason}" if run.reason else ""
    when = _clock(run.due_at)
    return f"  {when}  {run.job_name} #{run.attempt} {run.state.value}{reason}  {run.run_id}"


def _clock(instant: datetime) -> str:
    return timezone.localtime(instant).strftime("%Y-%m-%d %H:%M:%S")
