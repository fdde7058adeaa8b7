"""What becomes a message, and how bad it is."""

from datetime import timedelta

import pytest

from scheduler.plugin_api.values import Alert, AlertCode, AlertSeverity, RunState
from scheduler_notify.intake import KINDS, alert_message, late_messages, message_of, with_facts
from scheduler_notify.messages import Kind, Severity
from scheduler_notify.plugin import NotifyPlugin
from tests.plugins.notify.builders import NOON, facts, transition


@pytest.mark.parametrize(
    ("state", "reason", "kind", "severity"),
    [
        (RunState.FAILED, "EXIT_CODE", Kind.RUN_FAILED, Severity.ERROR),
        (RunState.TIMED_OUT, "TIMEOUT", Kind.RUN_TIMED_OUT, Severity.ERROR),
        (RunState.ORPHANED, "WORKER_LOST", Kind.RUN_LOST, Severity.ERROR),
        (RunState.SKIPPED, "SKIP_LATE", Kind.RUN_TOO_LATE, Severity.WARNING),
        (RunState.SKIPPED, "MISFIRE_SKIPPED", Kind.RUN_TOO_LATE, Severity.WARNING),
        (RunState.SKIPPED, "RETRY_BUDGET", Kind.RUN_GIVEN_UP, Severity.ERROR),
    ],
)
def test_what_went_wrong_is_told(state, reason, kind, severity):
    found = message_of(transition(state, reason=reason))
    assert found is not None
    assert (found.kind, found.severity) == (kind, severity)


@pytest.mark.parametrize(
    "reason", ["CALENDAR", "CONCURRENCY_FORBID", "UPSTREAM_FAILED", "MISFIRE_COALESCED", "DISABLED"]
)
def test_a_run_skipped_as_its_job_wants_is_not_told(reason):
    assert message_of(transition(RunState.SKIPPED, reason=reason)) is None


def test_one_transition_is_one_message_and_another_is_another():
    keys = {message_of(one).dedupe_key for one in (transition(), transition())}  # type: ignore[union-attr]
    assert len(keys) == 1
    later = message_of(transition(at=NOON + timedelta(microseconds=1)))
    assert later is not None
    assert later.dedupe_key not in keys
    assert len(later.dedupe_key) <= 255


def test_a_failure_that_will_be_tried_again_is_information():
    found = message_of(transition())
    assert found is not None
    assert with_facts(found, facts(will_be_retried=True)).severity is Severity.INFO
    assert with_facts(found, facts(will_be_retried=False)).severity is Severity.ERROR
    assert with_facts(found, None) == found


def test_a_late_run_has_one_message_however_often_it_is_found():
    first, again = (
        late_messages([facts(due_at=NOON)], NOON + timedelta(minutes=minutes))[0]
        for minutes in (6, 7)
    )
    assert first.dedupe_key == again.dedupe_key
    assert first.facts["late_seconds"] == 360


@pytest.mark.parametrize(
    ("code", "severity", "resolved"),
    [
        (AlertCode.QUARANTINE_BEGUN, Severity.ERROR, False),
        (AlertCode.QUARANTINE_RELEASED, Severity.ERROR, True),
        (AlertCode.CLUSTER_PAUSED, Severity.WARNING, False),
        (AlertCode.CLUSTER_RESUMED, Severity.WARNING, True),
        (AlertCode.RETRY_BUDGET_EXHAUSTED, Severity.WARNING, False),
    ],
)
def test_the_end_of_an_alert_is_as_grave_as_its_beginning(code, severity, resolved):
    given = {"BEGUN": "error", "PAUSED": "warning", "EXHAUSTED": "warning"}
    own = AlertSeverity(given.get(code.rpartition("_")[2], "info"))
    found = alert_message(Alert(7, code, own, "nightly", "It is so.", NOON))
    assert (found.severity, found.resolved) == (severity, resolved)
    assert found.dedupe_key == "alert:7"


def test_the_plugin_declares_the_states_it_reads_and_no_success():
    assert NotifyPlugin.run_states == {*KINDS, RunState.SKIPPED}
    assert RunState.SUCCEEDED not in NotifyPlugin.run_states
