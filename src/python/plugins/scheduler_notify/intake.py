"""From what the scheduler tells to messages. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from scheduler.plugin_api.values import Alert, AlertCode, RunState, RunTransition
from scheduler.queries.run_facts import RunFacts
from scheduler_notify.messages import OF_RUNS, Kind, Message, Severity

KINDS = {
    RunState.FAILED: Kind.RUN_FAILED,
    RunState.TIMED_OUT: Kind.RUN_TIMED_OUT,
    RunState.ORPHANED: Kind.RUN_LOST,
}
SKIPPED_KINDS = {
    "SKIP_LATE": Kind.RUN_TOO_LATE,
    "MISFIRE_SKIPPED": Kind.RUN_TOO_LATE,
    # The retry that was not made: its run's failure is the last word on that slot.
    "RETRY_BUDGET": Kind.RUN_GIVEN_UP,
}
ENDS_OF = {
    AlertCode.QUARANTINE_RELEASED: Severity.ERROR,
    AlertCode.CLUSTER_RESUMED: Severity.WARNING,
}
"""Alerts that say something is over, with the severity of what is."""


def message_of(transition: RunTransition) -> Message | None:
    """What people may have to hear of it; None for what nobody needs to."""
    kind = KINDS.get(transition.new) or SKIPPED_KINDS.get(transition.reason)
    if kind is None:
        return None
    place = (transition.run_id, transition.old, transition.new, transition.at.isoformat())
    return Message(
        dedupe_key=":".join(("run", *map(str, place))),
        kind=kind,
        severity=Severity.WARNING if kind is Kind.RUN_TOO_LATE else Severity.ERROR,
        subject=transition.job_name,
        job=transition.job_name,
        happened_at=transition.at,
        definition_id=transition.definition_id,
        run_id=transition.run_id,
        facts={
            "attempt": transition.attempt,
            "reason": transition.reason,
            "worker": transition.worker_id or "",
        },
    )


def with_facts(message: Message, facts: RunFacts | None) -> Message:
    """The message with what is known of its run by now. A failure that will be tried again is
    only worth knowing (``info``). ``facts`` None: the run is gone."""
    if message.kind not in OF_RUNS or facts is None:
        return message
    retried = facts.will_be_retried and message.kind is not Kind.RUN_GIVEN_UP
    return replace(
        message,
        severity=Severity.INFO if retried else message.severity,
        facts={**message.facts, **run_words(facts), "will_be_retried": retried},
    )


def run_words(facts: RunFacts) -> dict[str, Any]:
    """A run's facts as JSON."""
    return {
        "attempt": facts.attempt,
        "reason": facts.reason,
        "explanation": facts.explanation[:2000],
        "exit_code": facts.exit_code,
        "worker": facts.worker_id or "",
        "timezone": facts.timezone,
        "due_at": facts.due_at.isoformat(),
        "started_at": facts.started_at.isoformat() if facts.started_at else "",
        "finished_at": facts.finished_at.isoformat() if facts.finished_at else "",
    }


def late_messages(runs: Iterable[RunFacts], now: datetime) -> list[Message]:
    """One for each run, the same however often it is asked for."""
    return [
        Message(
            dedupe_key=f"late:{one.run_id}",
            kind=Kind.RUN_LATE,
            severity=Severity.WARNING,
            subject=one.job_name,
            job=one.job_name,
            happened_at=now,
            definition_id=one.definition_id,
            run_id=one.run_id,
            facts={**run_words(one), "late_seconds": int((now - one.due_at).total_seconds())},
        )
        for one in runs
    ]


def recovered(job: str, since: datetime, failures: int, success: RunFacts) -> Message:
    """The job works again: it had failed so often since then."""
    at = success.finished_at or success.due_at
    lasted = max(timedelta(0), at - since)
    return Message(
        dedupe_key=f"recovered:{success.definition_id}:{since.isoformat()}",
        kind=Kind.JOB_RECOVERED,
        severity=Severity.ERROR,
        resolved=True,
        subject=job,
        job=job,
        happened_at=at,
        definition_id=success.definition_id,
        run_id=success.run_id,
        facts={
            **run_words(success),
            "failing_since": since.isoformat(),
            "failing_seconds": int(lasted.total_seconds()),
            "failures": failures,
        },
    )


def alert_message(alert: Alert) -> Message:
    """An alert of the scheduler itself."""
    over = next((found for code, found in ENDS_OF.items() if code.value == alert.code), None)
    return Message(
        dedupe_key=f"alert:{alert.alert_id}",
        kind=Kind.ALERT,
        severity=over or alert.severity,
        resolved=over is not None,
        subject=alert.job or alert.code,
        job=alert.job or "",
        happened_at=alert.since,
        facts={"code": alert.code, "text": alert.text},
    )
