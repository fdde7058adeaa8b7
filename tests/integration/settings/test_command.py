"""``manage.py scheduler_settings``: the settings in force, and their change."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler.models import AdminActionLog, ConfigReloadRequest
from scheduler.store.settings import read_setting_rows

pytestmark = pytest.mark.usefixtures("database")

BATCH = "SCHEDULER_LEADER_PING_BATCH_SIZE"
STALE = "SCHEDULER_LEADER_STALE_SECONDS"
TRUST = "SCHEDULER_LEADER_TRUST_SECONDS"


def call(*arguments: str) -> str:
    out = StringIO()
    call_command("scheduler_settings", *arguments, stdout=out)
    return out.getvalue()


def asked(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*arguments, "--json"))
    return found


def test_every_setting_is_shown_with_its_source(monkeypatch):
    monkeypatch.setenv(BATCH, "20")
    text = call()
    assert f"{BATCH} = 20  (environment)" in text
    assert f"{STALE} = 4  (default)" in text


def test_a_part_of_a_name_picks_settings():
    assert set(asked("lease_margin")["settings"]) == {"SCHEDULER_RUN_LEASE_MARGIN_SECONDS"}


def test_a_setting_is_changed_announced_and_shown():
    text = call("--set", f"{BATCH}=30")
    assert text == f"{BATCH} = 30  (rdb)\nRevision 1: applied by 0 of 0 workers\n"
    assert ConfigReloadRequest.objects.get().keys == [BATCH]
    assert AdminActionLog.objects.get().actor.startswith("cli:")


def test_settings_that_fit_only_together_are_set_together():
    asked("--set", f"{STALE}=11", "--set", f"{TRUST}=12")
    assert read_setting_rows() == {STALE: "11", TRUST: "12"}
    asked("--unset", STALE, "--unset", TRUST)
    assert read_setting_rows() == {}


def test_a_value_may_contain_an_equals_sign():
    call("--set", "SCHEDULER_EVENTS_API_TOKEN=a=b")
    assert read_setting_rows() == {"SCHEDULER_EVENTS_API_TOKEN": "a=b"}


def test_a_secret_is_not_shown():
    assert "sesame" not in call("--set", "SCHEDULER_EVENTS_API_TOKEN=sesame")
    assert asked()["settings"]["SCHEDULER_EVENTS_API_TOKEN"]["value"] == "***"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--set", f"{BATCH}=0"], "from 1 to 1000"),
        (["--set", f"{STALE}=11"], TRUST),
        (["--set", BATCH], "write NAME=VALUE"),
        (["--set", "SCHEDULER_LEADER_PING_BATCH=3"], f"did you mean {BATCH}"),
        (["--set", "SCHEDULER_NODE_ID=n"], "only in the environment"),
        (["--unset", "SCHEDULER_NOPE"], "SCHEDULER_NOPE"),
    ],
)
def test_a_bad_change_is_refused_in_a_sentence_and_changes_nothing(arguments, part):
    with pytest.raises(CommandError, match=part) as caught:
        call(*arguments)
    assert caught.value.returncode == 2
    assert read_setting_rows() == {}


def test_what_waits_for_a_restart_is_said():
    assert "[needs a restart]" in call("--set", "SCHEDULER_MAX_JOBS_PER_WORKER=3")
