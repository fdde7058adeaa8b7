"""Why a job does not run: what stands in the way of its next run."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler import requests
from scheduler.domain.errors import JobNotFound
from scheduler.domain.values import Reason
from scheduler.queries.why_job import why_job
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World
from tests.integration.store.situations import NOW, able, alter, job, waiting, without_queue

__all__ = ["able"]

HOURLY = {"kind": "hourly", "minute": 5}


def report(now: datetime = NOW):
    return why_job("report", now)


def job_codes(now: datetime = NOW) -> list[str]:
    return [answer.code for answer in report(now).answers]


def planned(**fields) -> None:
    job(schedule=HOURLY, **fields)
    alter(edited_at=None)


class TestAJob:
    def test_in_order_says_when_it_is_next_due(self, able: World):
        planned()
        found = report()
        assert job_codes() == ["NOT_DUE"]
        assert found.next_due == found.answers[0].until == T0 + timedelta(minutes=5)

    def test_tells_all_that_stands_in_its_way(self, able: World):
        planned(enabled=False, queue="heavy")
        alter(quarantined_at=T0)
        requests.pause(by="ann")
        assert job_codes() == ["DISABLED", "WAIT_PAUSED", "WAIT_QUARANTINED", "WAIT_NO_QUEUE"]

    def test_whose_time_has_not_begun_or_is_over(self, able: World):
        planned(starts_at=NOW + timedelta(days=1))
        assert job_codes()[0] == "WINDOW_NOT_BEGUN"
        assert job_codes(datetime(2027, 1, 1, tzinfo=UTC)) == ["NOT_DUE"]
        alter(starts_at=None, ends_at=T0)
        assert job_codes() == ["WINDOW_OVER"]

    def test_without_a_schedule_is_asked_for_or_follows_others(self, able: World):
        job()
        assert job_codes() == ["NO_SCHEDULE"]
        job("up")
        requests.set_dependencies("report", ["up"], by="ann")
        (answer,) = report().answers
        assert (answer.code, answer.facts["after"]) == ("TRIGGERED", ["up"])

    def test_whose_schedule_has_nothing_to_come(self, able: World):
        job(schedule={"kind": "once", "at": "2026-11-23T05:00:00+00:00"})
        alter(edited_at=None)
        assert job_codes() == ["NO_MORE_SLOTS"]

    def test_just_changed_or_asked_for_waits_for_the_leader(self, able: World):
        job(schedule=HOURLY)
        requests.request_run("report", by="ann")
        assert job_codes() == ["EDIT_NOT_PLANNED", "REQUEST_NOT_TAKEN", "NOT_DUE"]

    def test_that_its_calendar_left_out(self, able: World):
        planned()
        run = waiting(able)
        able.leader.skip(able.fence, [(run, Reason.CALENDAR, "a holiday")])
        assert job_codes() == ["CALENDAR", "NOT_DUE"]

    def test_that_was_deleted(self, able: World):
        job()
        requests.delete_definition("report", by="ann")
        assert job_codes() == ["DELETED"]

    def test_without_a_leader(self, able: World):
        planned()
        leaderless_cluster = Statement("UPDATE scheduler_cluster SET released = true")
        able.session.run(leaderless_cluster)
        assert job_codes()[0] == "NO_LEADER"

    def test_shows_its_last_runs_and_why_the_open_ones_wait(self, able: World):
        run = without_queue(able)
        found = report()
        assert [each.run_id for each in found.last_runs] == [run]
        ((waiting_run, answer),) = found.waiting
        assert (waiting_run, answer.code) == (run, "WAIT_NO_QUEUE")

    def test_that_nobody_knows_is_refused(self, world: World):
        with pytest.raises(JobNotFound):
            why_job("nobody")
