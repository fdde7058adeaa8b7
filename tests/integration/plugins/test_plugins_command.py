"""``manage.py scheduler_plugins``: installed, enabled, and how they fare in the living workers."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pydantic import SecretStr

from scheduler.models import PluginState, WorkerLease
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.settings import SettingsConfigDict, SettingsModel, setting
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus
from scheduler.queries.plugins import forget_plugins
from scheduler.store.plugin_states import HookState, forget_dead, write_states

pytestmark = pytest.mark.usefixtures("database")

WORDS: Any = {"title": ("T", "題"), "meaning": ("M", "意味"), "impact": ("I", "影響")}
NOON = datetime(2026, 1, 2, 3, tzinfo=UTC)


class SmsSettings(SettingsModel):
    model_config = SettingsConfigDict(env_prefix="SCHEDULER_SMS_")
    url: str = setting("http://example.com", **WORDS)
    password: SecretStr = setting(SecretStr(""), secret=True, **WORDS)


class Sms(Plugin):
    name = "sms"
    settings_model = SmsSettings

    @hookimpl
    def scheduler_health_checks(self):
        return [HealthCheck("gateway", lambda: HealthReport(HealthStatus.WARNING, "It is slow."))]


def call(*arguments: str) -> str:
    out = StringIO()
    call_command("scheduler_plugins", *arguments, stdout=out)
    return out.getvalue()


def worker(worker_id: str, state: str = "LIVE") -> None:
    WorkerLease.objects.create(
        worker_id=worker_id,
        node_id=f"node of {worker_id}",
        hostname="h",
        pid=1,
        grpc_address="127.0.0.1:1",
        capacity=1,
        lease_seconds=1,
        margin_seconds=1,
        state=state,
    )


def failing(hook: str = "scheduler_alert", count: int = 3, stuck: bool = False) -> HookState:
    error = "OSError: no route, twice"
    return HookState("sms", hook, count, error, NOON, NOON if stuck else None)


def test_without_plugins_it_says_how_to_enable_one(enable):
    enable()
    text = call()
    assert "No plugin is enabled; SCHEDULER_PLUGINS lists those to be used." in text
    assert json.loads(call("--json"))["plugins"][0]["name"] == "core"


def test_an_enabled_plugin_is_shown_with_hooks_settings_and_health(enable, monkeypatch):
    monkeypatch.setenv("SCHEDULER_SMS_PASSWORD", "hunter22")
    enable(Sms)
    text = call()
    assert "1. sms (" in text
    assert "hooks: scheduler_health_checks, scheduler_settings" in text
    assert "SCHEDULER_SMS_URL = http://example.com  (default)" in text
    assert "health gateway: warning - It is slow." in text
    assert "no failures in the living workers" in text
    assert "hunter22" not in text + call("--json")


def test_health_is_left_out_where_it_is_not_wanted(enable):
    enable(Sms)
    assert "gateway" not in call("--no-health")


def test_failures_of_living_workers_are_shown_and_those_of_dead_ones_are_not(enable):
    enable(Sms)
    worker("w-1")
    worker("w-2", "LOST")
    write_states("w-1", [failing(), failing("service sweep", 0, stuck=True)])
    write_states("w-2", [failing("scheduler_metrics")])
    text = call()
    assert (
        "node of w-1 (w-1), scheduler_alert: failed 3 times, last at 2026-01-02 03:00:00 UTC: "
        "OSError: no route, twice"
    ) in text
    assert "service sweep: a call of 2026-01-02 03:00:00 UTC has not returned" in text
    assert "scheduler_metrics" not in text
    (plugin,) = (one for one in json.loads(call("--json"))["plugins"] if one["name"] == "sms")
    assert {one["hook"]: one["count"] for one in plugin["failures"]} == {
        "scheduler_alert": 3,
        "service sweep": 0,
    }


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"SCHEDULER_PLUGINS": "nonsense"}, "Plugin 'nonsense' is not installed"),
        ({"SCHEDULER_MAX_JOBS_PER_WORKER": "many"}, "SCHEDULER_MAX_JOBS_PER_WORKER"),
    ],
)
def test_a_bad_environment_is_one_sentence(enable, monkeypatch, environment, why):
    enable()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget_plugins()
    with pytest.raises(CommandError, match=why) as refused:
        call()
    assert refused.value.returncode == 2


# ---------------------------------------------------------------------------------- the rows


def rows() -> list[tuple[str, str, int]]:
    return list(PluginState.objects.values_list("worker_id", "hook", "count"))


def test_a_workers_rows_are_what_it_wrote_last():
    write_states("w-1", [failing(), failing("scheduler_metrics")])
    write_states("w-2", [failing()])
    write_states("w-1", [failing(count=4)])
    assert rows() == [("w-1", "scheduler_alert", 4), ("w-2", "scheduler_alert", 3)]
    write_states("w-1", [])
    assert rows() == [("w-2", "scheduler_alert", 3)]


def test_a_text_that_cannot_be_stored_is_made_fit():
    error = "nul \0 lone \udcff " + "x" * 5000
    write_states("w-1", [HookState("sms", "a\0\udcff" + "h" * 300, 1, error, NOON, None)])
    (row,) = PluginState.objects.all()
    assert row.hook.startswith("a\\udcffh")
    assert len(row.hook) == 200
    assert row.last_error.startswith("nul  lone \\udcff x")
    assert len(row.last_error) == 1000


def test_the_rows_of_dead_workers_go():
    worker("w-1")
    worker("w-2", "LEFT")
    for one in ("w-1", "w-2", "w-3"):
        write_states(one, [failing()])
    assert forget_dead() == 2
    assert rows() == [("w-1", "scheduler_alert", 3)]
