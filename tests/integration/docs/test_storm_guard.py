"""What the pages on the storm guard show is run as it stands there."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from scheduler.domain.alerts import SEVERITY
from scheduler.domain.values import Reason
from scheduler.models import JobDefinition
from tests.integration.store_commands.conftest import Call, call, led, world

__all__ = ["call", "led", "world"]

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = ["storm-guard.md", "storm-guard.ja.md"]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^python manage\.py (.*?)(?: +#.*)?$", re.MULTILINE)


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_page_do_what_it_says(led, call: Call, page: str):
    (example,) = PYTHON.findall(text_of(page))
    exec(compile(example, page, "exec"), {})
    job = JobDefinition.objects.get(name="import-orders")
    limits = (job.start_cap_per_minute, job.retry_budget_per_hour, job.quarantine_after_failures)
    assert limits == (10, 20, 5)
    # The page shows the release before the quarantine.
    call("scheduler_quarantine", "import-orders")
    commands = COMMAND.findall(text_of(page))
    assert len(commands) == 5
    for command in commands:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        told = call(*words)
        assert told.code == 0, told.err


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "reason",
    [
        Reason.WAIT_START_CAP,
        Reason.WAIT_RETRY_BUDGET,
        Reason.RETRY_BUDGET,
        Reason.WAIT_QUARANTINED,
        Reason.WAIT_PAUSED,
    ],
)
def test_every_reason_of_the_guard_is_on_the_page(page: str, reason: Reason):
    assert reason in text_of(page)


def test_every_alert_is_in_the_plugin_guide_with_its_severity():
    guide = text_of("plugins.md")
    for code, severity in SEVERITY.items():
        assert f"| `{code}` | {severity} |" in guide


@pytest.mark.parametrize(
    "name", ["scheduler_pause", "scheduler_resume", "scheduler_quarantine", "scheduler_release"]
)
def test_every_command_of_the_guard_explains_its_exit_codes(name: str):
    command = load_command_class(get_commands()[name], name)
    assert "Exit codes: 0 " in command.help
