"""Callers at the same instant: one wins, the others are told, nobody gets a failure of ours."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from scheduler.models import AdminActionLog, Backfill, JobDefinition, JobRun, RunRequest
from scheduler.requests import save_definition
from scheduler.store.connections import database_from_url
from tests.contract.store.world import World
from tests.integration.api.callers import Api, token_api
from tests.integration.api.leading import lead

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("django_postgres")]

CALLERS = 6


@pytest.fixture
def headers(django_postgres) -> dict[str, str]:
    return token_api()._headers


@pytest.fixture
def world(django_postgres) -> Iterator[World]:
    world = World(database_from_url(django_postgres.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()


def at_once(headers: dict[str, str], call: Callable[[Api, int], Any]) -> list[Any]:
    """The answers to ``call`` by as many callers, each on a connection of its own."""
    barrier = Barrier(CALLERS)

    def one(number: int) -> Any:
        api = Api(Client(), headers)
        try:
            barrier.wait(10)
            return call(api, number)
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(one, range(CALLERS)))


def statuses(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_of_those_who_make_a_job_of_one_name_one_makes_it(headers):
    body = {"name": "report", "command_name": "noop"}
    answers = at_once(headers, lambda api, number: api.post("jobs", body))
    assert statuses(answers) == {201: 1, 409: CALLERS - 1}
    assert AdminActionLog.objects.filter(action="job_created").count() == 1


def test_of_those_who_edit_what_they_all_read_one_wins(headers):
    save_definition("report", by="t", command_name="noop")
    tag = {"If-Match": Api(Client(), headers).get("jobs/report")["ETag"]}
    answers = at_once(
        headers,
        lambda api, number: api.call("PATCH", "jobs/report", {"priority": number + 1}, tag),
    )
    assert statuses(answers) == {200: 1, 412: CALLERS - 1}
    (won,) = [answer.json()["priority"] for answer in answers if answer.status_code == 200]
    assert (JobDefinition.objects.get().priority, JobDefinition.objects.get().revision) == (won, 2)


def test_one_idempotency_key_at_once_is_one_request_and_one_run(headers, world: World):
    save_definition("report", by="t", command_name="noop", enabled=False)
    key = {"Idempotency-Key": "once"}
    answers = at_once(
        headers, lambda api, number: api.call("POST", "jobs/report/run", {"args": [1]}, key)
    )
    assert statuses(answers) == {202: CALLERS}
    assert len({answer.json()["request_id"] for answer in answers}) == 1
    assert RunRequest.objects.count() == 1
    lead(world)
    run = JobRun.objects.get()
    assert (str(run.pk), run.pk.version) == (answers[0].json()["request_id"], 7)
    assert AdminActionLog.objects.filter(action="run_requested").count() == 1


def test_the_same_backfill_asked_for_at_once_runs_its_slots_once(headers):
    save_definition(
        "nightly", by="t", command_name="noop", schedule={"kind": "daily", "at": "00:00"}
    )
    wish = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-04T00:00:00Z"}
    answers = at_once(headers, lambda api, number: api.post("jobs/nightly/backfill", wish))
    assert statuses(answers) == {202: 1, 422: CALLERS - 1}
    assert Backfill.objects.count() == 1
