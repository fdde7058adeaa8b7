"""What docs/api.md and its Japanese page show is run as it stands there."""

import json
import re

import pytest

from scheduler.models import Backfill, JobDefinition, RunRequest
from tests.integration.api.callers import token_api
from tests.integration.api.pages import SHELL, answers, run_commands, text_of
from tests.integration.api.table import TABLE

PAGES = ["api.md", "api.ja.md"]
JSON = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_does_what_the_page_says(page, site, database, tmp_path):
    text = text_of(page)
    told = run_commands(text, site, database.dsn, tmp_path, beside=("manage.py",))
    cluster, made, times, preview, edited, refused, asked, again, runs, *more = answers(told)
    why, bulk, plan, *rest = more
    assert "has_leader" in cluster
    assert made["name"] == "nightly-report"
    assert len(times["times"]) == len(preview["times"]) == 3
    assert edited["priority"] == 5
    conflict, invalid = map(json.loads, JSON.findall(text))
    assert refused == conflict
    assert asked == again
    assert (runs["runs"], bulk["results"]) == ([], [])
    assert "NO_LEADER" in {reason["code"] for reason in why["reasons"]}
    assert len(plan["slots"]) == 7
    assert rest[0]["state"] == "running"
    assert rest[1]["backfills"][0]["backfill_id"] == rest[0]["backfill_id"]
    assert "7 slots would run" in told
    assert RunRequest.objects.get().args == ["--deploy"]
    assert Backfill.objects.get().pace == 2
    assert JobDefinition.objects.get().priority == 5
    bad = {"name": "x", "max_attempts": 0}
    assert token_api(name="second").post("jobs", bad).json() == invalid


def test_both_pages_show_the_same_commands():
    english, japanese = (SHELL.findall(text_of(page)) for page in PAGES)
    assert [one.replace("&lang=ja", "") for one in japanese] == english


@pytest.mark.parametrize("page", PAGES)
def test_every_part_of_the_api_is_told_of(page):
    text = text_of(page)
    for part in {row.path.split("/")[3] for row in TABLE} - {"run-requests"}:
        assert f"/{part}" in text, part
