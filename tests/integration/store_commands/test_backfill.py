"""``scheduler_backfill``: days and instants, looked at first, asked for, refused clearly."""

import pytest

from scheduler.models import AdminActionLog, Backfill
from scheduler.requests import save_definition
from tests.contract.store.world import World
from tests.integration.store_commands.conftest import Call

pytestmark = pytest.mark.usefixtures("job")

WEEK = ("--from", "2026-01-01", "--to", "2026-01-07")


@pytest.fixture
def job(world: World) -> None:
    nightly = {"kind": "daily", "at": "00:30"}
    save_definition("nightly", by="t", command_name="noop", schedule=nightly, timezone="Asia/Tokyo")


def test_a_dry_run_shows_the_slots_of_whole_days_in_the_jobs_zone(call: Call):
    told = call("scheduler_backfill", "nightly", *WEEK, "--dry-run")
    lines = told.out.splitlines()
    assert told.code == 0
    assert lines[0] == "2025-12-31T15:30:00+00:00"
    assert lines[-2] == "2026-01-06T15:30:00+00:00"
    assert lines[-1] == "7 slots would run, 0 are covered already."
    assert not Backfill.objects.exists()


def test_a_long_list_is_cut_for_the_eye(call: Call):
    long = ("--from", "2026-01-01", "--to", "2026-01-31", "--dry-run")
    assert "... and 11 more" in call("scheduler_backfill", "nightly", *long).out


def test_an_instant_is_not_included_at_the_end(call: Call):
    span = ("--from", "2026-01-01T00:30:00+09:00", "--to", "2026-01-02T00:30:00+09:00")
    assert "1 slots would run" in call("scheduler_backfill", "nightly", *span, "--dry-run").out


def test_a_backfill_is_asked_for_with_its_pace_and_arguments(call: Call):
    told = call("scheduler_backfill", "nightly", *WEEK, "--pace", "3", "--args", '["--again"]')
    backfill = Backfill.objects.get()
    assert told.code == 0
    assert f"7 slots of nightly, 3 at a time (backfill {backfill.pk})" in told.out
    assert (backfill.pace, backfill.args, backfill.slots.count()) == (3, ["--again"], 7)
    assert AdminActionLog.objects.get(action="backfill_requested").actor.startswith("cli:")


def test_what_a_backfill_covers_is_left_out_unless_all_is_asked_for(call: Call):
    call("scheduler_backfill", "nightly", *WEEK)
    told = call("scheduler_backfill", "nightly", *WEEK)
    assert (told.code, Backfill.objects.count()) == (2, 1)
    assert "7 are covered already" in told.err
    assert call("scheduler_backfill", "nightly", *WEEK, "--all").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nigthly", *WEEK), "did you mean 'nightly'"),
        (("nightly", "--from", "x", "--to", "2026-01-02"), "--from x is no day"),
        (("nightly", "--from", "2026-13-01", "--to", "2026-01-02"), "--from 2026-13-01"),
        (("nightly", "--from", "2026-01-01", "--to", "2026-01-02T00:00:00"), "--to"),
        (("nightly", "--from", "2026-01-03", "--to", "2026-01-01"), "is not after the start"),
        (("nightly", "--from", "2026-01-01", "--to", "9999-12-31"), "no day"),
        (("nightly", "--from", "2026-01-01", "--to", "2998-12-31"), "lies ahead"),
        (("nightly", *WEEK, "--limit", "3"), "more slots than the limit of 3"),
        (("nightly", *WEEK, "--pace", "0"), "allowed: 1 to 100"),
        (("nightly", *WEEK, "--args", "{"), "--args is not JSON"),
        (("nightly", *WEEK, "--args", "7"), "a JSON list or a JSON object"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(call: Call, arguments, sentence):
    told = call("scheduler_backfill", *arguments)
    assert told.code == 2
    assert sentence in told.err
    assert not Backfill.objects.exists()
