"""A job's event triggers, as people set them."""

import pytest

from scheduler import requests
from scheduler.domain.errors import JobNotFound
from scheduler.domain.triggers import InvalidTrigger
from scheduler.models import AdminActionLog, JobDefinition
from scheduler.queries.triggers import triggers_of


def job(name="ship", *triggers) -> JobDefinition:
    made = requests.save_definition(name, by="ann", command_name="noop")
    requests.set_triggers(name, list(triggers) or [{"event_type": "order.created"}], by="ann")
    return made


class TestSettingTriggers:
    WANTED = [
        {"event_type": "order.*", "conditions": [{"path": "payload.n", "op": "gt", "value": 5}]},
        {"event_type": "return.created", "source": "/shop", "args": {"id": "subject"}},
    ]

    def test_replaces_the_whole_list_and_records_it(self, database):
        made = job("ship")
        requests.set_triggers("ship", self.WANTED, by="ann")
        assert triggers_of([made.pk]) == {made.pk: self.WANTED}
        actions = AdminActionLog.objects.order_by("id").values_list("action", flat=True)
        assert list(actions) == ["job_created", "triggers_changed", "triggers_changed"]

    def test_raises_the_revision_of_the_job(self, database):
        before = job("ship").revision
        requests.set_triggers("ship", self.WANTED, by="ann")
        assert JobDefinition.objects.get().revision > before

    def test_as_they_are_changes_nothing(self, database):
        job("ship", *self.WANTED)
        before = JobDefinition.objects.get().revision
        requests.set_triggers("ship", self.WANTED, by="ann")
        assert JobDefinition.objects.get().revision == before
        assert AdminActionLog.objects.count() == 2

    def test_to_none_ends_them(self, database):
        made = job("ship")
        requests.set_triggers("ship", [], by="ann")
        assert triggers_of([made.pk]) == {}

    def test_that_are_wrong_change_nothing(self, database):
        made = job("ship", *self.WANTED)
        with pytest.raises(InvalidTrigger, match=r"triggers\[1\].event_type"):
            requests.set_triggers("ship", [{"event_type": "a"}, {"event_type": "*"}], by="ann")
        assert triggers_of([made.pk]) == {made.pk: self.WANTED}

    def test_of_a_job_that_is_not_there(self, database):
        with pytest.raises(JobNotFound):
            requests.set_triggers("ship", [], by="ann")
