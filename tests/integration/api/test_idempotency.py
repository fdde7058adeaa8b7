"""An idempotency key, from the call to the run and to the end of its request."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler.models import JobRun, RunRequest
from scheduler.requests import save_definition
from scheduler.store.retention import KINDS, SqlRetention
from tests.contract.store.world import World
from tests.integration.api.callers import Api, code_of, token_api
from tests.integration.api.leading import lead


@pytest.fixture
def api(world: World) -> Api:
    save_definition("report", by="t", command_name="noop", enabled=False)
    return token_api()


def run_now(api: Api, key: str, job: str = "report") -> Any:
    return api.call("POST", f"jobs/{job}/run", {"args": [1]}, {"Idempotency-Key": key})


def request_of(response: Any) -> UUID:
    assert response.status_code == 202, response.content
    return UUID(response.json()["request_id"])


def purge_requests(world: World) -> int:
    """All requests that were handled are older than their retention, and go."""
    (requests,) = [kind for kind in KINDS if kind.name == "requests"]
    retention = SqlRetention(world.database)
    try:
        return retention.delete_batch(requests, world.now() + timedelta(days=1), 100)
    finally:
        retention.close()


def test_a_repeat_before_and_after_the_run_was_made_is_the_same_request(world: World, api: Api):
    first = request_of(run_now(api, "deploy-42"))
    assert request_of(run_now(api, "deploy-42")) == first
    lead(world)
    assert request_of(run_now(api, "deploy-42")) == first
    lead(world)
    assert JobRun.objects.count() == 1


def test_the_run_of_a_key_has_an_id_that_rises_with_time(world: World, api: Api):
    for key in ("z", "a", "m"):
        request_of(run_now(api, key))
        lead(world)
    runs = list(JobRun.objects.order_by("due_at").values_list("pk", flat=True))
    assert [run.version for run in runs] == [7, 7, 7]
    assert runs == sorted(runs)


def test_once_its_request_is_purged_a_key_makes_a_new_run(world: World, api: Api):
    first = request_of(run_now(api, "deploy-42"))
    lead(world)
    assert purge_requests(world) == 1
    second = request_of(run_now(api, "deploy-42"))
    lead(world)
    assert second != first
    assert set(JobRun.objects.values_list("pk", flat=True)) == {first, second}
    assert RunRequest.objects.get().run_id == second


def test_a_key_of_another_job_is_refused_and_names_the_request_that_has_it(api: Api):
    first = request_of(run_now(api, "deploy-42"))
    save_definition("other", by="t", command_name="noop")
    refused = run_now(api, "deploy-42", job="other")
    assert (refused.status_code, code_of(refused)) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert str(first) in refused.json()["detail"]


def test_calls_without_a_key_are_requests_each(api: Api):
    for _ in range(2):
        assert api.post("jobs/report/run").status_code == 202
    assert RunRequest.objects.filter(idempotency_key=None).count() == 2


@pytest.mark.parametrize("key", ["", "k" * 201, "a\0b"])
def test_a_key_that_no_request_can_hold_is_refused(api: Api, key: str):
    refused = run_now(api, key)
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.content.decode()
    assert not RunRequest.objects.exists()
