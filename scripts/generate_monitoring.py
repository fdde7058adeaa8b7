#!/usr/bin/env python3
"""Writes what is made of the alert rules and of the panels below: the PrometheusRule manifest and
Grafana's dashboard.

    python scripts/generate_monitoring.py

The results are checked in; a test holds them equal to what this script writes.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("deploy/monitoring")
RULES = FOLDER / "scheduler-rules.yaml"

_HEADER = "# Made of ../scheduler-rules.yaml by scripts/generate_monitoring.py; change it there.\n"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDE = 24


@dataclass(frozen=True)
class Panel:
    """``queries``: (expression, legend). ``width`` of 24; ``kind`` is Grafana's."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    stacked: bool = False
    meanings: tuple[tuple[float, str, str], ...] = ()
    """(value, text, colour) of a ``stat``."""


def _quantiles(name: str, by: str) -> tuple[tuple[str, str], ...]:
    """The median and the 99th percentile of a histogram."""
    rate = f'sum by (le, {by}) (rate({name}_bucket{{{by}=~"${by}"}}[$__rate_interval]))'
    if by == "queue":
        rate = f"sum by (le, {by}) (rate({name}_bucket[$__rate_interval]))"
    return (
        (f"histogram_quantile(0.5, {rate})", f"p50 {{{{{by}}}}}"),
        (f"histogram_quantile(0.99, {rate})", f"p99 {{{{{by}}}}}"),
    )


_PRESENT = ((0.0, "none", "red"), (1.0, "present", "green"))
_PAUSED = ((0.0, "running", "green"), (1.0, "PAUSED", "orange"))
_JOBS = 'job_name=~"$job_name"'

ROWS: dict[str, tuple[Panel, ...]] = {
    "Cluster": (
        Panel(
            "Leader",
            (("max(scheduler_leader_present)", ""),),
            kind="stat",
            width=4,
            meanings=_PRESENT,
        ),
        Panel("Cluster", (("max(scheduler_paused)", ""),), kind="stat", width=4, meanings=_PAUSED),
        Panel("Epoch", (("max(scheduler_epoch)", ""),), kind="stat", width=4),
        Panel(
            "Workers online",
            (('max(scheduler_workers{state="online"})', ""),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Latest run",
            (("max(scheduler_oldest_late_run_seconds)", ""),),
            unit="s",
            kind="stat",
            width=4,
        ),
        Panel(
            "Jobs in quarantine", (("max(scheduler_jobs_quarantined)", ""),), kind="stat", width=4
        ),
        Panel(
            "Workers",
            (
                ("max by (state) (scheduler_workers)", "{{state}}"),
                ("max(scheduler_min_online_workers)", "wanted"),
            ),
        ),
        Panel(
            "Load by node",
            (
                ("max by (node_id) (scheduler_node_load_ratio)", "{{node_id}}"),
                ("max(scheduler_worker_high_load_threshold_ratio)", "threshold"),
            ),
            unit="percentunit",
        ),
        Panel(
            "New leaders per hour",
            (
                ("max(changes(scheduler_epoch[1h]))", "epochs"),
                ("max(scheduler_workers_high_load)", "workers highly loaded"),
            ),
        ),
    ),
    "Runs": (
        Panel(
            "Runs ended per second",
            (
                (
                    f"sum by (state) (max by (job_name, state) "
                    f"(rate(scheduler_runs_finished_total{{{_JOBS}}}[$__rate_interval])))",
                    "{{state}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Open runs",
            (("max by (state, queue) (scheduler_open_runs)", "{{state}} {{queue}}"),),
            stacked=True,
        ),
        Panel(
            "Waiting runs",
            (("max by (reason) (scheduler_waiting_runs)", "{{reason}}"),),
            stacked=True,
        ),
        Panel("Lateness", _quantiles("scheduler_run_lateness_seconds", "job_name"), unit="s"),
        Panel("Queue wait", _quantiles("scheduler_run_queue_wait_seconds", "queue"), unit="s"),
        Panel("Duration", _quantiles("scheduler_run_duration_seconds", "job_name"), unit="s"),
        Panel(
            "Retries and skipped slots, last hour",
            (
                (
                    f"sum(max by (job_name) (increase(scheduler_run_retries_total{{{_JOBS}}}[1h])))",
                    "retries",
                ),
                (
                    "sum by (reason) (max by (job_name, reason) "
                    f"(increase(scheduler_slots_skipped_total{{{_JOBS}}}[1h])))",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Jobs whose last run failed",
            (
                (
                    f"(max by (job_name) (scheduler_job_last_failure_timestamp_seconds{{{_JOBS}}}) > "
                    f"max by (job_name) (scheduler_job_last_success_timestamp_seconds{{{_JOBS}}})) or "
                    f"(max by (job_name) (scheduler_job_last_failure_timestamp_seconds{{{_JOBS}}}) unless "
                    "on (job_name) max by (job_name) "
                    f"(scheduler_job_last_success_timestamp_seconds{{{_JOBS}}}))",
                    "{{job_name}}",
                ),
            ),
            kind="table",
        ),
        Panel(
            "Run time per second, by job",
            (
                (
                    "topk(10, max by (job_name) "
                    f"(rate(scheduler_run_seconds_total{{{_JOBS}}}[$__rate_interval])))",
                    "{{job_name}}",
                ),
            ),
            stacked=True,
        ),
    ),
    "Resources": (
        Panel("CPU time of runs", _quantiles("scheduler_run_cpu_seconds", "job_name"), unit="s"),
        Panel(
            "Peak memory of runs",
            _quantiles("scheduler_run_max_rss_bytes", "job_name"),
            unit="bytes",
        ),
        Panel(
            "I/O of runs per second",
            (
                (f"sum(rate(scheduler_run_read_bytes_sum{{{_JOBS}}}[$__rate_interval]))", "read"),
                (
                    f"sum(rate(scheduler_run_write_bytes_sum{{{_JOBS}}}[$__rate_interval]))",
                    "written",
                ),
            ),
            unit="Bps",
        ),
    ),
    "Workers": (
        Panel(
            "Running, by worker",
            (
                ("scheduler_worker_running_runs", "{{instance}}"),
                ("sum(scheduler_worker_capacity_runs)", "capacity of all"),
            ),
        ),
        Panel(
            "Runs ended per second, by worker",
            (
                (
                    "sum by (instance) (rate(scheduler_worker_runs_finished_total[$__rate_interval]))",
                    "{{instance}}",
                ),
                ("sum(rate(scheduler_worker_retries_total[$__rate_interval]))", "retries of all"),
            ),
        ),
        Panel(
            "Certificates expire in",
            (
                (
                    "min by (instance) (scheduler_certificate_expiry_timestamp_seconds) - time()",
                    "{{instance}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "Roles",
            (("max by (instance, role) (scheduler_worker_role) == 1", "{{instance}} {{role}}"),),
            kind="table",
        ),
        Panel(
            "Failures of plugins, last hour",
            (
                (
                    "sum by (plugin, hook) (increase(scheduler_plugin_failures_total[1h]))",
                    "{{plugin}} {{hook}}",
                ),
            ),
        ),
        Panel(
            "Behind: counters, logs, traces",
            (
                ("time() - max(scheduler_counted_until_timestamp_seconds)", "counters, seconds"),
                ("max(scheduler_log_archive_oldest_seconds)", "oldest log to upload, seconds"),
                ("sum(scheduler_log_archive_pending)", "logs to upload"),
                ('sum(increase(scheduler_traces_total{outcome="dropped"}[1h]))', "traces dropped"),
            ),
        ),
    ),
}


def expressions() -> list[str]:
    """Every expression of the dashboard."""
    return [query for panels in ROWS.values() for each in panels for query, _ in each.queries]


def dashboard() -> dict[str, Any]:
    """Grafana's dashboard; import it, or provision it from the file."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS.items():
        panels.append(_row(len(panels) + 1, title, top))
        top += 1
        left = 0
        for each in row:
            if left + each.width > _WIDE:
                left, top = 0, top + _height(each)
            panels.append(_panel(len(panels) + 1, each, left, top))
            left += each.width
        top += 8
    return {
        "uid": "scheduler",
        "title": "Scheduler",
        "tags": ["scheduler"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source_variable(), _job_variable()]},
        "annotations": {"list": []},
        "panels": panels,
    }


def prometheus_rule() -> dict[str, Any]:
    """The same rules for the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": "scheduler",
            "labels": {"app.kubernetes.io/name": "scheduler", "release": "prometheus"},
        },
        "spec": yaml.safe_load((ROOT / RULES).read_text(encoding="utf-8")),
    }


def generated() -> dict[Path, str]:
    """The text of each generated file, by its path below the repository's root."""
    rule = yaml.safe_dump(prometheus_rule(), allow_unicode=True, sort_keys=False, width=1000)
    board = json.dumps(dashboard(), ensure_ascii=False, indent=2)
    return {
        FOLDER / "kubernetes" / "prometheus-rule.yaml": _HEADER + rule,
        FOLDER / "grafana-dashboard.json": board + "\n",
    }


def _height(panel: Panel) -> int:
    return 4 if panel.kind == "stat" else 8


def _row(number: int, title: str, top: int) -> dict[str, Any]:
    place = {"h": 1, "w": _WIDE, "x": 0, "y": top}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _panel(number: int, panel: Panel, left: int, top: int) -> dict[str, Any]:
    place = {"h": _height(panel), "w": panel.width, "x": left, "y": top}
    instant = panel.kind in ("stat", "table")
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": _SOURCE,
            "expr": query,
            "legendFormat": legend,
            "instant": instant,
            "range": not instant,
            **({"format": "table"} if panel.kind == "table" else {}),
        }
        for index, (query, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": {},
        "targets": targets,
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.stacked:
        found["custom"] = {"fillOpacity": 20, "stacking": {"mode": "normal", "group": "A"}}
    if panel.meanings:
        options = {
            f"{value:g}": {"text": text, "color": colour, "index": index}
            for index, (value, text, colour) in enumerate(panel.meanings)
        }
        found["mappings"] = [{"type": "value", "options": options}]
    return found


def _source_variable() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _job_variable() -> dict[str, Any]:
    return {
        "name": "job_name",
        "label": "Job",
        "type": "query",
        "datasource": _SOURCE,
        "query": "label_values(scheduler_runs_finished_total, job_name)",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def main() -> int:
    for path, text in generated().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
