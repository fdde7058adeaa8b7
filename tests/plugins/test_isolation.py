"""Plugins' settings, and that no plugin can harm the scheduler or another plugin."""

import pytest

from scheduler.domain.errors import InvalidSetting
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.settings import SettingsModel, setting
from tests.plugins.builders import HttpPlugin, Recorder, broken, host_of

# ------------------------------------------------------------------------------------- settings


class DepthSettings(SettingsModel):
    model_config = {"env_prefix": "SCHEDULER_DIVER_"}
    depth: int = setting(
        3, title=("Depth", "深さ"), meaning=("m", "意味"), impact=("i", "影響"), ge=1, le=9
    )


class Diver(Plugin):
    name = "diver"
    settings_model = DepthSettings


def test_hook_scheduler_settings():
    host = host_of(Diver)
    assert host.settings_models == (CoreSettings, DepthSettings)
    host.configure(rows={}, environ={"SCHEDULER_DIVER_DEPTH": "5"})
    diver = host.plugins[1]
    assert diver.settings.depth == 5
    host.configure(rows={"SCHEDULER_DIVER_DEPTH": "6"}, environ={"SCHEDULER_DIVER_DEPTH": "5"})
    assert diver.settings.depth == 6
    assert host.resolved(DepthSettings).settings.depth == 6


def test_a_bad_environment_value_of_a_plugin_stops_the_start_and_changes_nothing():
    host = host_of(Diver)
    host.configure(rows={}, environ={})
    with pytest.raises(InvalidSetting, match="SCHEDULER_DIVER_DEPTH"):
        host.configure(rows={}, environ={"SCHEDULER_DIVER_DEPTH": "10", "SCHEDULER_NODE_ID": "n"})
    assert host.plugins[1].settings.depth == 3
    assert host.resolved(CoreSettings).settings.node_id == ""


def test_a_bad_row_of_a_plugin_stops_nobody():
    host = host_of(Diver)
    resolved = host.configure(rows={"SCHEDULER_DIVER_DEPTH": "10"}, environ={})
    assert host.plugins[1].settings.depth == 3
    assert [problem.key for one in resolved for problem in one.problems] == [
        "SCHEDULER_DIVER_DEPTH"
    ]


# ------------------------------------------------------------------------------------ isolation


@pytest.mark.parametrize(
    "answer", [broken, lambda self: 7, lambda self: ["nonsense"], lambda self: [None]]
)
@pytest.mark.parametrize(
    "hook", ["scheduler_settings", "scheduler_executors", "scheduler_health_checks"]
)
def test_a_hook_that_breaks_or_answers_nonsense_harms_no_other(hook, answer):
    def implementation(self):
        return answer(self)

    bad = type("Bad", (Plugin,), {"name": "bad", hook: hookimpl(implementation)})
    host = host_of(bad, HttpPlugin, Diver)
    host.configure(rows={}, environ={})
    assert set(host.executors) == {"management_command", "http"}
    assert host.plugins[-1].settings.depth == 3
    host.health()
    assert [(f.plugin, f.hook, f.count) for f in host.failures] == [("bad", hook, 1)]


def test_an_unbroken_host_has_no_failures():
    host = host_of(HttpPlugin, Recorder, Diver)
    host.configure(rows={}, environ={})
    host.health()
    assert host.executors
    assert host.failures == ()
