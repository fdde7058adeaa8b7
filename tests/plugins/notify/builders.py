"""Messages, notices, facts and transitions for the tests of notifications."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from scheduler.plugin_api.values import RunState, RunTransition
from scheduler.queries.run_facts import RunFacts
from scheduler_notify.messages import Form, Kind, Message, Notice, Severity

NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""Noon in Tokyo, a Monday."""

RUN = UUID("0195f3a0-0000-7000-8000-000000000001")
ID = UUID(int=1)
HOOK = "/services/T0/B0/s3cretpath"
"""A path as Slack's webhooks have one: the secret is its end."""

PLUGIN = "scheduler_notify.plugin.NotifyPlugin"


def transition(new: RunState = RunState.FAILED, **changes: Any) -> RunTransition:
    made = RunTransition(
        run_id=RUN,
        definition_id=1,
        job_name="nightly",
        attempt=1,
        old=RunState.RUNNING,
        new=new,
        reason="EXIT_CODE",
        worker_id="w-1",
        at=NOON,
    )
    return replace(made, **changes)


def facts(**changes: Any) -> RunFacts:
    made = RunFacts(
        run_id=RUN,
        definition_id=1,
        job_name="nightly",
        timezone="Asia/Tokyo",
        state=RunState.FAILED,
        attempt=1,
        will_be_retried=False,
        due_at=NOON,
        started_at=NOON,
        finished_at=NOON,
        exit_code=3,
        reason="EXIT_CODE",
        explanation="",
        worker_id="w-1",
    )
    return replace(made, **changes)


def message(**changes: Any) -> Message:
    made = Message(
        dedupe_key=f"test:{uuid4()}",
        kind=Kind.RUN_FAILED,
        severity=Severity.ERROR,
        subject="nightly",
        job="nightly",
        happened_at=NOON,
        definition_id=1,
        run_id=RUN,
        facts={"attempt": 1, "reason": "EXIT_CODE", "worker": "w-1", "exit_code": 3},
    )
    return replace(made, **changes)


def notice(**changes: Any) -> Notice:
    made = Notice(
        notice_id=UUID("0195f3a0-0000-7000-8000-00000000000a"),
        form=Form.SINGLE,
        severity=Severity.ERROR,
        resolved=False,
        title="nightly failed",
        text="Reason: exit code 3\nWorker: w-1",
        link="",
        messages=(message(),),
        formed_at=NOON,
    )
    return replace(made, **changes)


def templates_in(folder: Path) -> list[dict[str, Any]]:
    """Django's TEMPLATES with a folder of overrides."""
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [folder],
            "APP_DIRS": True,
        }
    ]
