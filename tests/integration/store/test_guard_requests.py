"""Quarantine and pause as people ask for them: kept with who, when and why, told to plugins."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from scheduler import requests
from scheduler.models import AdminActionLog, Alert, Cluster, JobDefinition
from scheduler.store.alerts import SqlAlertOutbox
from tests.contract.store.world import World


def save(**fields: Any) -> JobDefinition:
    return requests.save_definition("report", by="ann", **{"command_name": "noop", **fields})


class TestQuarantineByHand:
    def test_holds_the_job_with_who_and_why_until_it_is_released(self, world: World):
        definition = save()
        assert requests.quarantine_job("report", by="ann", reason="it floods the mail server.")
        assert not requests.quarantine_job("report", by="bob", reason="me too")
        definition.refresh_from_db()
        assert definition.quarantined_at is not None
        assert definition.quarantine_reason == "set by ann: it floods the mail server"
        JobDefinition.objects.update(failures_in_row=4)
        assert requests.release_quarantine("report", by="bob")
        definition.refresh_from_db()
        assert (definition.quarantine_reason, definition.failures_in_row) == ("", 0)
        told = [(alert.code, alert.job_name, alert.text) for alert in Alert.objects.order_by("id")]
        assert told == [
            (
                "QUARANTINE_BEGUN",
                "report",
                "Job report is quarantined: set by ann: it floods the mail server.",
            ),
            ("QUARANTINE_RELEASED", "report", "bob released job report from quarantine."),
        ]
        assert AdminActionLog.objects.filter(action="job_quarantined", actor="ann").exists()

    def test_is_told_to_plugins_after_the_commit(self, world: World):
        save()
        requests.quarantine_job("report", by="ann")
        with SqlAlertOutbox(world.database) as outbox:
            (alert,) = outbox.unread("alerts:p", 10).items
        assert alert.job == "report"

    def test_begins_its_count_anew_when_the_limit_is_changed(self, world: World):
        definition = save(quarantine_after_failures=5)
        JobDefinition.objects.update(failures_in_row=4)
        save(priority=3)
        definition.refresh_from_db()
        assert definition.failures_in_row == 4
        save(quarantine_after_failures=4)
        definition.refresh_from_db()
        assert definition.failures_in_row == 0

    @pytest.mark.parametrize(
        "field", ["start_cap_per_minute", "retry_budget_per_hour", "quarantine_after_failures"]
    )
    def test_limits_of_nothing_are_refused_by_name(self, world: World, field: str):
        with pytest.raises(ValidationError) as caught:
            save(**{field: 0})
        assert field in caught.value.message_dict


class TestAPause:
    def test_keeps_who_when_and_why_until_the_resume(self, world: World):
        assert requests.pause(by="ann", reason="storage is down")
        assert not requests.pause(by="bob", reason="something else")
        row = Cluster.objects.get(pk=1)
        assert (row.paused, row.paused_by, row.pause_reason) == (True, "ann", "storage is down")
        assert row.paused_at is not None
        assert requests.resume(by="bob")
        assert not requests.resume(by="bob")
        row.refresh_from_db()
        assert not row.paused
        assert (str(row.paused_at), row.paused_by, row.pause_reason) == ("None", "", "")
        assert row.hold_seq == 2
        texts = list(Alert.objects.order_by("id").values_list("text", flat=True))
        assert texts == ["ann paused the cluster: storage is down.", "bob resumed the cluster."]
