"""Alerts reach each plugin: each of them, again until it is taken."""

from collections.abc import Callable, Iterator

import pytest

from scheduler.domain.alerts import AlertCode, AlertSeverity
from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import RunState
from scheduler.store.alerts import SqlAlertOutbox
from scheduler.store.sessions import Database
from tests.contract.store.world import World, result

S = RunState


@pytest.fixture
def outbox(database: Database) -> Iterator[SqlAlertOutbox]:
    with SqlAlertOutbox(database) as outbox:
        yield outbox


Quarantine = Callable[[], int]


class TestAlerts:
    @pytest.fixture
    def quarantine(self, world: World) -> Quarantine:
        """One failure, and the job is quarantined."""

        def quarantine() -> int:
            definition = world.define(f"job-{world.next_seq()}")
            world.limit(definition, quarantine_after_failures=1)
            (run,) = world.plan(definition)
            token = world.start([run])[run]
            world.workers.finish("w-1", [result(run, token, S.FAILED)])
            return definition

        return quarantine

    def test_tell_of_a_quarantine(self, world: World, outbox: SqlAlertOutbox, quarantine):
        quarantine()
        (alert,) = outbox.unread("alerts:p", 10).items
        assert alert.code == AlertCode.QUARANTINE_BEGUN
        assert alert.severity is AlertSeverity.ERROR
        assert alert.job is not None
        assert alert.text == (
            f"Job {alert.job} is quarantined: it reached its limit of failures in a row, 1."
        )
        since = world.value("SELECT quarantined_at FROM scheduler_job_definition")
        assert str(alert.since.replace(tzinfo=None)) in str(since)

    def test_tell_of_a_quarantine_after_lost_workers(self, world: World, outbox: SqlAlertOutbox):
        (run,) = world.plan(world.define())
        world.start([run])
        world.lose("w-1")
        world.leader.orphan(world.fence, [(run, None, True)])
        (alert,) = outbox.unread("alerts:p", 10).items
        assert (
            alert.text == "Job report is quarantined: one slot lost its worker max_orphans times."
        )

    def test_come_again_until_they_are_taken(
        self, world: World, outbox: SqlAlertOutbox, quarantine
    ):
        quarantine()
        batch = outbox.unread("alerts:p", 1)
        assert outbox.unread("alerts:p", 1).items == batch.items
        outbox.taken(world.fence, "alerts:p", batch.place)
        assert outbox.unread("alerts:p", 1).items == ()
        quarantine()
        assert len(outbox.unread("alerts:p", 10).items) == 1

    def test_come_from_the_next_leader_too(self, world: World, database: Database, quarantine):
        quarantine()
        with SqlAlertOutbox(database) as before:
            before.unread("alerts:p", 1)
        world.elect("w-2")
        with SqlAlertOutbox(database) as after:
            batch = after.unread("alerts:p", 1)
            assert len(batch.items) == 1
            after.taken(world.fence, "alerts:p", batch.place)
            assert after.unread("alerts:p", 1).items == ()

    def test_reach_each_plugin_by_itself(self, world: World, outbox: SqlAlertOutbox, quarantine):
        quarantine()
        batch = outbox.unread("alerts:p", 10)
        outbox.taken(world.fence, "alerts:p", batch.place)
        assert outbox.unread("alerts:q", 10).items == batch.items

    def test_of_more_than_an_hour_ago_are_not_told_to_a_new_plugin(
        self, world: World, outbox: SqlAlertOutbox, quarantine
    ):
        quarantine()
        world.age_alerts(3700)
        quarantine()
        assert len(outbox.unread("alerts:new", 10).items) == 1

    def test_that_one_plugin_failed_to_take_do_not_age_away(
        self, world: World, outbox: SqlAlertOutbox, quarantine
    ):
        quarantine()
        assert len(outbox.unread("alerts:p", 10).items) == 1
        world.age_alerts(9000)
        assert len(outbox.unread("alerts:p", 10).items) == 1

    def test_of_a_spent_budget_come_once_an_hour_for_each_job(
        self, world: World, outbox: SqlAlertOutbox
    ):
        jobs = [world.define("one"), world.define("two")]
        for job in jobs:
            world.limit(job, retry_budget_per_hour=5)
        assert sorted(world.leader.alert_exhausted(world.fence, jobs)) == sorted(jobs)
        assert world.leader.alert_exhausted(world.fence, jobs) == []
        first, _ = outbox.unread("alerts:p", 10).items
        assert first.code == AlertCode.RETRY_BUDGET_EXHAUSTED
        assert first.text.startswith("Job one has spent its retry budget of an hour, 5:")
        world.age_alerts(3601)
        assert len(world.leader.alert_exhausted(world.fence, jobs[:1])) == 1

    def test_are_not_raised_by_a_deposed_leader(self, world: World):
        job, old = world.define(), world.fence
        world.elect("w-2")
        with pytest.raises(StaleEpoch):
            world.leader.alert_exhausted(old, [job])
        assert world.count("scheduler_alert") == 0
