"""``scheduler_jobs`` as CI uses it: exit codes, the diff, JSON."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


def run(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("scheduler_jobs", *args, stdout=out)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "jobs.yaml"
    text = "jobs:\n  夜間: {command: noop, daily_at: 02:30, timezone: Asia/Tokyo}\n"
    path.write_text(text, encoding="utf-8")
    return path


def test_exit_codes_tell_changes_from_none_and_from_errors(database, file):
    assert run("plan", str(file))[0] == 3
    assert run("apply", str(file), "--dry-run")[0] == 3
    code, said = run("apply", str(file))
    assert (code, "1 created" in said) == (0, True)
    assert run("plan", str(file))[0] == 0
    assert run("plan", str(file) + "x")[0] == 2
    assert run("plan")[0] == 2


def test_a_plan_shows_the_runs_of_the_next_days(database, file):
    said = run("plan", str(file))[1]
    assert "+ create 夜間" in said
    assert "runs in the next 7 days: +7 -0" in said
    assert "02:30:00 JST" in said
    (change,) = json.loads(run("plan", str(file), "--json")[1])["changes"]
    assert change["runs"]["added"] == 7


def test_an_export_is_written_for_the_jobs_named(database, file, tmp_path):
    run("apply", str(file))
    out = tmp_path / "out.yaml"
    assert run("export", str(out), "--job", "夜間")[0] == 0
    assert run("apply", str(out), "--dry-run")[0] == 0
    assert run("export", "-", "--job", "夜")[0] == 2
