"""What the pages on calendars show is run as it stands there."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from scheduler.models import Calendar, JobDefinition
from scheduler.requests import save_definition

ROOT = Path(__file__).resolve().parents[3]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = "python manage.py scheduler_calendar "


def blocks(page: str) -> list[tuple[str, str]]:
    return FENCED.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def run(line: str) -> str:
    out = StringIO()
    words = re.findall(r'"[^"]*"|\S+', line.removeprefix(COMMAND))
    call_command("scheduler_calendar", *(word.strip('"') for word in words), stdout=out)
    return out.getvalue()


@pytest.fixture
def follow(django_sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Do all that a page shows, in order; returns the commands with what they said."""
    monkeypatch.chdir(tmp_path)
    Path("days.csv").write_text("date,kind,note\n2027-08-13..2027-08-16,off,お盆\n", "utf-8")

    def follow(page: str) -> list[tuple[str, str, list[str]]]:
        said = []
        for language, text in blocks(page):
            if language == "python":
                exec(compile(text, page, "exec"), {})
                continue
            shown = [line for line in text.splitlines() if "python manage.py" not in line]
            for line in text.splitlines():
                if "python manage.py" in line:
                    command = line.removeprefix("$ ")
                    said.append((command, run(command), shown))
        return said

    return follow


@pytest.mark.parametrize("page", ["calendars.md", "calendars.ja.md"])
def test_the_examples_do_what_the_page_says(follow, page: str):
    said = follow(page)
    assert JobDefinition.objects.get(name="morning-report").calendar == "jp"
    days = Calendar.objects.get(name="acme").days
    assert days["2027-01-03"] == {"open": False, "note": "年末年始休業"}
    assert days["2026-12-26"] == {"open": True, "note": "振替出勤"}
    assert days["2027-08-16"]["note"] == "お盆"
    command, output, shown = said[0]
    assert "preview morning-report" in command
    assert len(shown) == 7
    assert set(shown) <= set(output.splitlines())
    assert len(said) == 8


@pytest.mark.parametrize("page", ["calendars.md", "calendars.ja.md"])
def test_every_spec_on_the_page_can_be_saved(django_sqlite, page: str):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    specs = re.findall(r'`(\{"kind".*?\})`', text)
    assert len(specs) == 4

    for number, spec in enumerate(specs):
        save_definition(
            f"job-{number}",
            by="ann",
            command_name="noop",
            schedule=json.loads(spec),
            calendar="jp",
            calendar_rule="previous",
        )
