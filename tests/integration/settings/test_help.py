"""The settings' help: fixture, seed command, and that what is checked in is fresh."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler.domain.errors import PluginProblem
from scheduler.models import SchedulerSettingHelp
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.reference import help_row
from scheduler.plugin_api.settings import specs
from scripts import generate_settings
from scripts.checked_in import stale

SPECS = specs(CoreSettings)
COMMAND = "scheduler_seed_setting_help"
BATCH = "SCHEDULER_LEADER_PING_BATCH_SIZE"


def seed(*options: str) -> str:
    out = StringIO()
    call_command(COMMAND, *options, stdout=out)
    return out.getvalue()


def stored() -> dict[str, dict[str, Any]]:
    rows = SchedulerSettingHelp.objects.values()
    return {row["key"]: {k: v for k, v in row.items() if k != "key"} for row in rows}


SHIPPED = {spec.key: help_row(spec) for spec in SPECS}


def test_what_is_checked_in_is_what_the_declarations_say():
    assert not stale(generate_settings.generated()), "run: python scripts/generate_settings.py"


def test_the_fixture_can_be_loaded_any_number_of_times(database):
    for _ in range(2):
        call_command("loaddata", "scheduler_setting_help", verbosity=0)
    assert stored() == SHIPPED


def test_seeding_an_empty_table_gives_what_the_fixture_gives(database):
    assert f"created {len(SPECS)}," in seed()
    assert stored() == SHIPPED
    assert seed() == f"created 0, overwritten 0, unchanged {len(SPECS)}, reworded and kept 0\n"


def test_seeding_makes_what_is_missing_and_leaves_what_was_reworded(database):
    SchedulerSettingHelp.objects.create(key=BATCH, title_ja="うちの ping 数")
    assert "reworded and kept 1" in seed()
    assert stored()[BATCH]["title_ja"] == "うちの ping 数"
    assert len(stored()) == len(SPECS)


def test_apply_defaults_fills_empty_rows_and_overwrites_others(database):
    SchedulerSettingHelp.objects.create(key=BATCH)
    assert "overwritten 1" in seed("--apply-defaults")
    assert stored() == SHIPPED


def test_a_dry_run_says_what_it_would_do_and_does_nothing(database):
    SchedulerSettingHelp.objects.create(key=BATCH)
    told = seed("--dry-run", "--apply-defaults")
    assert f"would overwrite {BATCH}" in told
    assert "would create SCHEDULER_NODE_ID" in told
    assert "dry run: created" in told
    assert set(stored()) == {BATCH}
    assert stored()[BATCH]["title_en"] == ""


def test_help_of_settings_that_are_not_ours_is_left_alone(database):
    SchedulerSettingHelp.objects.create(key="SCHEDULER_THEIRS", title_en="Theirs")
    seed("--apply-defaults")
    assert stored()["SCHEDULER_THEIRS"]["title_en"] == "Theirs"


def test_a_plugin_that_cannot_be_loaded_is_told_in_a_sentence(database, monkeypatch):
    def unloadable() -> None:
        raise PluginProblem("x", "is not installed", "installed are: none")

    monkeypatch.setattr(f"scheduler.management.commands.{COMMAND}.plugin_host", unloadable)
    with pytest.raises(CommandError, match="Plugin 'x' is not installed") as caught:
        seed()
    assert caught.value.returncode == 2


def test_a_table_that_is_missing_is_told_in_a_sentence(database):
    call_command("migrate", "scheduler", "zero", verbosity=0)
    with pytest.raises(CommandError, match="run manage") as caught:
        seed()
    assert caught.value.returncode == 2
