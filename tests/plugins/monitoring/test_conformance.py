"""What every plugin keeps, of ours with and without traces; and what the pages say of it."""

import re
from pathlib import Path

import pytest

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.reserved import KNOWN_NAMES
from scheduler.plugin_api.settings import specs
from scheduler.testing.plugin_conformance import PluginConformance
from scheduler_monitoring import errors
from scheduler_monitoring.figures import FIGURES, FROM_THE_CORE
from scheduler_monitoring.plugin import MonitoringPlugin, TracingMonitoringPlugin
from scheduler_monitoring.settings import MonitoringSettings

DOCS = Path(__file__).parents[3] / "docs"
NOWHERE = "http://127.0.0.1:1"
AWAY = {"SCHEDULER_PROMETHEUS_URL": NOWHERE, "SCHEDULER_ALERTMANAGER_URL": NOWHERE}
_ROW = re.compile(
    r"^\| `(?P<name>scheduler_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \| (?P<told>.*) \|$"
)


class TestConformance(PluginConformance):
    plugin = MonitoringPlugin
    environ = AWAY


@pytest.mark.django_db(transaction=True)
class TestConformanceWithTraces(PluginConformance):
    plugin = TracingMonitoringPlugin
    environ = AWAY


def test_names_of_settings_are_no_spelling_mistakes_where_the_plugin_is_off():
    assert {spec.key for spec in specs(MonitoringSettings)} <= KNOWN_NAMES


def rows_of(page: str) -> dict[str, tuple[str, list[str], str]]:
    """The figures as a page shows them: kind, labels, meaning."""
    found = [_ROW.match(line) for line in (DOCS / page).read_text().splitlines()]
    return {
        row["name"]: (row["kind"], re.findall(r"`(\w+)`", row["labels"]), row["told"])
        for row in found
        if row
    }


def test_the_page_shows_every_figure_as_it_is():
    declared = {
        one.name: (one.kind.value, list(one.labels), one.help) for one in (*FIGURES, FROM_THE_CORE)
    }
    assert rows_of("monitoring.md") == declared


def test_the_japanese_page_shows_the_same_figures():
    shown = {name: row[:2] for name, row in rows_of("monitoring.ja.md").items()}
    assert shown == {name: row[:2] for name, row in rows_of("monitoring.md").items()}


@pytest.mark.parametrize("page", ["monitoring.md", "monitoring.ja.md"])
def test_the_pages_name_every_alert_and_setting_and_error(page):
    import yaml

    rules = DOCS.parent / "deploy" / "monitoring" / "scheduler-rules.yaml"
    groups = yaml.safe_load(rules.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    keys = {spec.key for spec in specs(MonitoringSettings)}
    codes = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, SchedulerError)
        and kind is not SchedulerError
    }
    text = (DOCS / page).read_text()
    assert sorted(name for name in alerts | keys | codes if f"`{name}`" not in text) == []
