"""What stands in deploy/monitoring: rules that fire, manifests and a dashboard that name figures
there are."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scheduler_monitoring.figures import FIGURES, FROM_THE_CORE, Kind
from scripts import generate_monitoring
from scripts.checked_in import stale
from tests.plugins.monitoring.pages import program

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "monitoring"
RULES = FOLDER / "scheduler-rules.yaml"
OF_THE_ARCHIVE = {"scheduler_log_archive_pending", "scheduler_log_archive_oldest_seconds"}
_METRIC = re.compile(r"\bscheduler_[a-z_]+")


def promtool(*arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = [program("promtool", "prometheus"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def known_names() -> set[str]:
    """Every series that our pages may show, a histogram's three among them."""
    found = {one.name for one in (*FIGURES, FROM_THE_CORE)} | OF_THE_ARCHIVE
    for one in FIGURES:
        if one.kind is Kind.HISTOGRAM:
            found |= {f"{one.name}_{part}" for part in ("bucket", "sum", "count")}
    return found


def test_promtool_finds_the_rules_right():
    done = promtool("check", "rules", RULES.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_not_else():
    done = promtool("test", "rules", "scheduler-rules.test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_is_changed_for_the_worse_is_noticed(tmp_path: Path):
    text = RULES.read_text()
    (tmp_path / RULES.name).write_text(text.replace("late_run_seconds) > 60", "x) > 60"))
    test = "scheduler-rules.test.yaml"
    (tmp_path / test).write_text((FOLDER / test).read_text())
    assert promtool("test", "rules", test, folder=tmp_path).returncode != 0


def test_every_alert_is_seen_firing_in_the_test_of_the_rules():
    tests = yaml.safe_load((FOLDER / "scheduler-rules.test.yaml").read_text())["tests"]
    fired = " ".join(
        each["expr"] + str(each["exp_samples"])
        for test in tests
        for each in test.get("promql_expr_test", [])
        if each["exp_samples"]
    )
    silent = [rule["alert"] for rule in rules() if not re.search(rf"\b{rule['alert']}\b", fired)]
    assert silent == []


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_what_to_do_in_both_languages(rule):
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    for text in ("summary", "description", "runbook"):
        assert rule["annotations"][text].strip()
        japanese = rule["annotations"][f"{text}_ja"]
        assert re.search(r"[ぁ-んァ-ン一-龥]", japanese), japanese


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_figures_there_are(rule):
    assert set(_METRIC.findall(rule["expr"])) <= known_names()


def selected_labels(expression: str) -> set[tuple[str, str]]:
    """(series, label) of each selector's matchers."""
    selectors = re.findall(r"\b(scheduler_[a-z_]+)\{([^}]*)\}", expression)
    return {
        (series, label)
        for series, matchers in selectors
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)
    }


def grouped_labels(expression: str) -> set[str]:
    """The labels that the expression groups or joins by."""
    groups = re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression)
    return {label.strip() for group in groups for label in group.split(",") if label.strip()}


def test_rules_and_dashboard_ask_for_labels_that_the_figures_have():
    figures = (*FIGURES, FROM_THE_CORE)
    labels = {one.name: {*one.labels} for one in figures}
    labels |= {
        f"{one.name}_{part}": {*one.labels, "le"}
        for one in figures
        if one.kind is Kind.HISTOGRAM
        for part in ("bucket", "sum", "count")
    }
    of_the_target = {"instance", "le"}
    for expression in [*(rule["expr"] for rule in rules()), *generate_monitoring.expressions()]:
        asked = selected_labels(expression)
        assert [each for each in asked if each[1] not in labels[each[0]]] == [], expression
        known = of_the_target.union(*(labels.get(n, ()) for n in _METRIC.findall(expression)))
        assert grouped_labels(expression) <= known, expression


def test_a_label_that_no_figure_has_is_noticed():
    asked = 'sum by (queue, x) (scheduler_workers{status="online", y=~"a|b"})'
    assert selected_labels(asked) == {("scheduler_workers", "status"), ("scheduler_workers", "y")}
    assert grouped_labels(asked) == {"queue", "x"}


def test_the_generated_files_are_what_the_script_writes():
    assert not stale(generate_monitoring.generated()), "run: python scripts/generate_monitoring.py"


def test_the_operators_manifest_holds_the_same_rules():
    manifest = yaml.safe_load((FOLDER / "kubernetes" / "prometheus-rule.yaml").read_text())
    assert manifest["kind"] == "PrometheusRule"
    assert manifest["apiVersion"] == "monitoring.coreos.com/v1"
    assert manifest["spec"] == yaml.safe_load(RULES.read_text())


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_the_monitors_scrape_our_page_with_the_token(kind):
    name = {"ServiceMonitor": "service-monitor", "PodMonitor": "pod-monitor"}[kind]
    manifest = yaml.safe_load((FOLDER / "kubernetes" / f"{name}.yaml").read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("monitoring.coreos.com/v1", kind)
    field = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}[kind]
    (endpoint,) = manifest["spec"][field]
    assert endpoint["path"] == "/metrics"
    assert endpoint["port"] == {"ServiceMonitor": "http", "PodMonitor": "worker-http"}[kind]
    assert endpoint["authorization"]["credentials"] == {"name": "scheduler-metrics", "key": "token"}
    assert manifest["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "scheduler"


def test_the_kustomization_names_files_there_are():
    folder = FOLDER / "kubernetes"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == there


def test_the_example_configuration_is_one_of_prometheus():
    done = promtool("check", "config", "--syntax-only", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_asks_for_figures_there_are():
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    shown = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert shown == generate_monitoring.expressions()
    asked = {name for query in shown for name in _METRIC.findall(query)}
    assert asked <= known_names()


def test_the_dashboard_shows_nearly_all_that_there_is():
    """What is not drawn is a switch, an identity or a twin of what is."""
    asked = {name for query in generate_monitoring.expressions() for name in _METRIC.findall(query)}
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    left_out = {one.name for one in FIGURES} - stems
    assert left_out == {
        "scheduler_alert_high_load_enabled",
        "scheduler_alert_role_change_enabled",
        "scheduler_certificate_expiry_timestamp_seconds",
        "scheduler_leadership_changes_total",
        "scheduler_subleader_present",
        "scheduler_takeovers_total",
        "scheduler_worker_draining",
        "scheduler_worker_epoch",
        "scheduler_worker_info",
        "scheduler_worker_joined",
    }


def test_the_panels_of_the_dashboard_do_not_overlap():
    board = json.loads((FOLDER / "grafana-dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
