"""What a job depends on, over the REST API."""

from datetime import UTC, datetime

import pytest

from scheduler.domain.lineage import root_of
from scheduler.models import AdminActionLog, JobRun, RunRequest
from scheduler.requests import find_job, save_definition
from tests.integration.api.callers import Api, code_of, token_api

pytestmark = pytest.mark.usefixtures("database")

ANY = {"If-Match": "*"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def api(database) -> Api:
    for name in ("extract", "load", "report"):
        save_definition(name, by="t", command_name="noop")
    return token_api()


def put(api: Api, job: str, upstreams: object, **headers: str):
    return api.call("PUT", f"jobs/{job}/dependencies", {"depends_on": upstreams}, headers or ANY)


def test_a_job_depends_on_none_at_first(api: Api):
    assert api.get("jobs/report/dependencies").json() == {"depends_on": []}


def test_what_is_set_is_read_again_with_its_defaults_and_is_recorded(api: Api):
    limited = {"upstream": "load", "match": "latest", "max_age_seconds": 3600}
    response = put(api, "report", ["extract", limited])
    assert response.status_code == 200, response.content
    wanted = [
        {"upstream": "extract", "match": "same_slot", "on_failure": "skip"},
        {**limited, "on_failure": "skip"},
    ]
    assert response.json() == {"depends_on": wanted}
    assert api.get("jobs/report/dependencies").json() == response.json()
    entry = AdminActionLog.objects.get(action="dependencies_set")
    assert (entry.actor, entry.target) == ("token:ci", "report")


def test_what_was_read_before_a_change_changes_nothing(api: Api):
    tag = api.get("jobs/report/dependencies")["ETag"]
    response = put(api, "report", ["load"], **{"If-Match": tag})
    assert response.status_code == 200
    assert response["ETag"] != tag
    late = put(api, "report", ["extract"], **{"If-Match": tag})
    assert (late.status_code, code_of(late)) == (412, "EDIT_CONFLICT")
    missing = api.call("PUT", "jobs/report/dependencies", {"depends_on": []})
    assert (missing.status_code, code_of(missing)) == (428, "PRECONDITION_REQUIRED")


@pytest.mark.parametrize(
    ("upstreams", "code"),
    [
        (["lod"], "INVALID_DEPENDENCY"),
        (["report"], "INVALID_DEPENDENCY"),
        (["load", "load"], "INVALID_DEPENDENCY"),
        ([{"upstream": "load", "match": "always"}], "INVALID_DEPENDENCY"),
        ([{"upstream": "load", "max_wait_seconds": 10**30}], "INVALID_DEPENDENCY"),
        ([7], "INVALID_FIELDS"),
        ("load", "INVALID_FIELDS"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(api: Api, upstreams, code):
    response = put(api, "report", upstreams)
    assert (response.status_code, code_of(response)) == (422, code)
    assert api.get("jobs/report/dependencies").json() == {"depends_on": []}


def test_a_circle_is_refused(api: Api):
    put(api, "report", ["load"])
    response = put(api, "load", ["report"])
    assert (response.status_code, code_of(response)) == (422, "DEPENDENCY_CYCLE")


def test_a_job_that_is_not_there(api: Api):
    assert code_of(api.get("jobs/none/dependencies")) == "JOB_NOT_FOUND"
    assert code_of(put(api, "none", [])) == "JOB_NOT_FOUND"


def test_one_of_many_that_are_repeated_counts_for_its_slot_as_one_alone_does(api: Api):
    """Those who wait for the slot go on when its repetition succeeds."""
    root = "t:2026-11-25T12:00:00Z"
    of_slot = {"slot_key": root, "scheduled_for": NOON, "due_at": NOON, "finished_at": NOON}
    run = JobRun.objects.create(definition=find_job("load"), state="FAILED", **of_slot).pk
    api.post(f"runs/{run}/rerun")
    api.post("runs/rerun", {"run_ids": [str(run)]})
    keys = list(RunRequest.objects.values_list("slot_key", flat=True))
    assert [root_of(key) for key in keys] == [root, root]
