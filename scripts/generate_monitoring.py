#!/usr/bin/env python3
"""Writes what is made of the alert rules and of the declared panels: the PrometheusRule manifest
and Grafana's dashboard.

    python scripts/generate_monitoring.py

The results are checked in; a test holds them equal to what this script writes.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.checked_in import ROOT, write

FOLDER = Path("deploy/monitoring")
RULES = FOLDER / "scheduler-rules.yaml"
PANELS = FOLDER / "dashboard-panels.yaml"

_HEADER = "# Made of ../scheduler-rules.yaml by scripts/generate_monitoring.py; change it there.\n"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDE = 24


@dataclass(frozen=True)
class Panel:
    """``queries``: (expression, legend). ``width`` of 24; ``kind`` is Grafana's; ``meanings`` of
    the values of a ``stat``: ``value``, ``text`` and ``color``."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    stacked: bool = False
    meanings: Sequence[dict[str, Any]] = ()


def rows() -> dict[str, list[Panel]]:
    """The panels by row, as their file declares them."""
    declared = yaml.safe_load((ROOT / PANELS).read_text(encoding="utf-8"))
    return {title: [_declared(**panel) for panel in panels] for title, panels in declared.items()}


def _declared(queries: list[dict[str, str]], **fields: Any) -> Panel:
    asked = tuple((query["expr"], query.get("legend", "")) for query in queries)
    return Panel(queries=asked, **fields)


def expressions() -> list[str]:
    """Every expression of the dashboard."""
    return [query for panels in rows().values() for each in panels for query, _ in each.queries]


def dashboard() -> dict[str, Any]:
    """Grafana's dashboard; import it, or provision it from the file."""
    panels: list[dict[str, Any]] = []
    top = 0
    for title, row in rows().items():
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
            str(meaning["value"]): {
                "text": meaning["text"],
                "color": meaning["color"],
                "index": index,
            }
            for index, meaning in enumerate(panel.meanings)
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


if __name__ == "__main__":
    sys.exit(write(generated()))
