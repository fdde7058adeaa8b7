"""Runs over the REST API: pages, filters, details, and what is asked of them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from scheduler.domain.values import RunState
from scheduler.models import AdminActionLog, JobRun, JobRunDetail, RunRequest
from scheduler.queries.run_lists import RunFilter, run_page
from scheduler.queries.runs import id_at
from scheduler.requests import delete_definition, save_definition
from tests.integration.api.callers import Api, code_of, token_api
from tests.integration.api.runs import NOW, ids, run_of

pytestmark = pytest.mark.usefixtures("database")


def test_runs_come_newest_first_page_by_page(api: Api):
    made = [run_of() for _ in range(5)]
    first = api.get("runs?limit=2")
    assert ids(first) == [made[4], made[3]]
    second = api.get(f"runs?limit=2&cursor={first.json()['next']}")
    assert ids(second) == [made[2], made[1]]
    last = api.get(f"runs?limit=2&cursor={second.json()['next']}")
    assert ids(last) == [made[0]]
    assert last.json()["next"] is None


def test_runs_that_come_meanwhile_move_no_page(api: Api):
    made = [run_of() for _ in range(3)]
    first = api.get("runs?limit=2").json()
    run_of()
    assert ids(api.get(f"runs?limit=2&cursor={first['next']}")) == [made[0]]


def test_every_filter_finds_its_runs(api: Api):
    yesterday = NOW - timedelta(days=1)
    failed = run_of(state="FAILED", reason="EXIT_CODE", worker_id="w-2", finished_at=yesterday)
    other = run_of("other", scheduled_for=yesterday)
    waiting = run_of(state="PENDING")
    at = yesterday.isoformat().replace("+00:00", "Z")
    hour = (yesterday + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    found = {
        query: ids(api.get(f"runs?{query}"))
        for query in (
            "job=other",
            "state=FAILED",
            "state=FAILED&state=PENDING",
            "state=PENDING&state=RUNNING",
            "worker=w-2",
            "reason=EXIT_CODE",
            f"scheduled_until={hour}",
            f"scheduled_from={hour}",
            f"finished_from={at}&finished_until={hour}",
            "job=report&state=SUCCEEDED",
        )
    }
    assert found == {
        "job=other": [other],
        "state=FAILED": [failed],
        "state=FAILED&state=PENDING": [waiting, failed],
        "state=PENDING&state=RUNNING": [waiting],
        "worker=w-2": [failed],
        "reason=EXIT_CODE": [failed],
        f"scheduled_until={hour}": [other],
        f"scheduled_from={hour}": [waiting, failed],
        f"finished_from={at}&finished_until={hour}": [failed],
        "job=report&state=SUCCEEDED": [],
    }


def test_a_rare_run_is_found_by_pages_that_each_look_at_so_many_rows(database):
    rare = run_of(state="FAILED")
    for _ in range(7):
        run_of()
    wanted = RunFilter(states=frozenset({RunState.FAILED}))
    found, before, pages = [], None, 0
    while True:
        page = run_page(wanted, before=before, limit=10, scan=3)
        found += [run.run_id for run in page.runs]
        before, pages = page.next, pages + 1
        if before is None:
            break
    assert found == [rare]
    assert pages == 3


def test_the_history_of_a_deleted_job_can_still_be_listed(api: Api):
    run = run_of()
    delete_definition("report", by="t")
    assert ids(api.get("runs?job=report")) == [run]
    assert code_of(api.get("runs?job=nothing")) == "JOB_NOT_FOUND"


@pytest.mark.parametrize(
    "query",
    [
        "state=BROKEN",
        "finished_from=yesterday",
        "finished_from=1700000000",
        "cursor=abcd",
        "stat=x",
    ],
)
def test_a_bad_filter_is_refused(api: Api, query):
    response = api.get(f"runs?{query}")
    assert (response.status_code, code_of(response)) == (422, "INVALID_FIELDS")


def test_a_run_shows_its_attempts_what_it_used_and_how_it_ended(api: Api):
    first = run_of(state="FAILED", slot_key="t:x", reason="EXIT_CODE", exit_code=3)
    second = run_of(slot_key="t:x", attempt=2, retry_of=first)
    JobRunDetail.objects.create(
        run_id=first, error="exit code 3", cpu_user_seconds=0.5, max_rss_bytes=1024, args=["--x"]
    )
    body = api.get(f"runs/{first}").json()
    assert [attempt["run_id"] for attempt in body["attempts"]] == [str(first), str(second)]
    assert (body["run"]["exit_code"], body["explanation"]) == (3, "exit code 3")
    assert body["resources"]["max_rss_bytes"] == 1024
    assert body["args"] == ["--x"]
    assert api.get(f"runs/{second}").json()["retry_of"] == str(first)


def test_a_run_that_waits_says_why(api: Api):
    run = run_of(state="PENDING", reason="WAIT_NO_QUEUE")
    JobRunDetail.objects.create(run_id=run, reason_detail="no live worker serves queue 'slow'")
    body = api.get(f"runs/{run}").json()
    assert body["run"]["reason"] == "WAIT_NO_QUEUE"
    assert body["explanation"] == "no live worker serves queue 'slow'"


@pytest.mark.parametrize("path", ["", "/log"])
def test_a_run_that_is_not_there(api: Api, path):
    response = api.get(f"runs/{uuid4()}{path}")
    assert (response.status_code, code_of(response)) == (404, "RUN_NOT_FOUND")


# ------------------------------------------------------------------------- what is asked of runs


def test_a_run_now_is_asked_for_and_the_request_tells_which_run_came_of_it(api: Api):
    save_definition("report", by="t", command_name="noop", enabled=False)
    response = api.post("jobs/report/run", {"args": ["--day", "1"]})
    assert response.status_code == 202
    request = RunRequest.objects.get()
    assert (request.args, request.requested_by) == (["--day", "1"], "token:ci")
    assert api.get(response["Location"]).json()["run_id"] is None
    RunRequest.objects.update(run_id=(run := run_of()), handled_at=NOW)
    assert api.get(response["Location"]).json()["run_id"] == str(run)
    assert AdminActionLog.objects.filter(action="run_requested", actor="token:ci").count() == 1


def test_a_run_says_who_asked_for_it_now_or_again_and_of_a_planned_one_nobody_did(api: Api):
    run = run_of()
    assert api.get(f"runs/{run}").json()["requested_by"] == ""
    api.post(f"runs/{run}/rerun")
    api.post("jobs/report/run")
    for request in RunRequest.objects.all():
        of_request = run_of(slot_key=request.slot_key)
        assert api.get(f"runs/{of_request}").json()["requested_by"] == "token:ci"


def test_a_run_now_needs_no_body_and_takes_only_args(api: Api):
    save_definition("report", by="t", command_name="noop")
    assert api.post("jobs/report/run").status_code == 202
    assert api.post("jobs/report/run", {"args": {"day": 1}}).status_code == 202
    for body in ({"args": "--day"}, {"arguments": []}, [], 7, "x"):
        assert api.post("jobs/report/run", body).status_code == 422
    assert RunRequest.objects.count() == 2


def test_the_same_idempotency_key_is_the_same_request(api: Api):
    save_definition("report", by="t", command_name="noop")
    key = {"Idempotency-Key": "deploy-42"}
    first = api.call("POST", "jobs/report/run", {"args": [1]}, key)
    again = api.call("POST", "jobs/report/run", {"args": [1]}, key)
    assert again.json() == first.json()
    assert RunRequest.objects.count() == 1
    assert AdminActionLog.objects.filter(action="run_requested").count() == 1
    other = api.call("POST", "jobs/report/run", {"args": [2]}, key)
    assert (other.status_code, code_of(other)) == (422, "IDEMPOTENCY_KEY_REUSED")
    stranger = token_api(name="other").call("POST", "jobs/report/run", {"args": [2]}, key)
    assert stranger.status_code == 202


def test_a_cancel_is_asked_once_and_refused_when_it_is_over(api: Api):
    run = run_of(state="RUNNING")
    assert api.post(f"runs/{run}/cancel").json()["outcome"] == "requested"
    assert api.post(f"runs/{run}/cancel").json()["outcome"] == "requested_before"
    response = api.post(f"runs/{run_of()}/cancel")
    assert (response.status_code, code_of(response)) == (409, "RUN_ENDED")
    assert code_of(api.post(f"runs/{uuid4()}/cancel")) == "RUN_NOT_FOUND"


def test_a_run_is_repeated_with_its_arguments(api: Api):
    run = run_of()
    JobRunDetail.objects.create(run_id=run, args=["--day"])
    response = api.post(f"runs/{run}/rerun")
    assert response.status_code == 202
    request = RunRequest.objects.get()
    assert (request.args, request.rerun_of, request.kind) == (["--day"], run, "rerun")
    delete_definition("report", by="t")
    assert code_of(api.post(f"runs/{run}/rerun")) == "JOB_NOT_FOUND"


def test_many_are_canceled_at_once_and_each_is_told(api: Api):
    running, ended, asked = run_of(state="RUNNING"), run_of(), run_of(state="PENDING")
    api.post(f"runs/{asked}/cancel")
    stranger = uuid4()
    body = {"run_ids": [str(one) for one in (running, ended, asked, stranger, running)]}
    results = api.post("runs/cancel", body).json()["results"]
    assert {UUID(one["run_id"]): one["outcome"] for one in results} == {
        running: "requested",
        ended: "ended_before",
        asked: "requested_before",
        stranger: "not_found",
    }
    entry = AdminActionLog.objects.get(action="cancels_requested")
    assert entry.detail == {"runs": [str(running)]}


def test_many_are_repeated_at_once(api: Api):
    first, second, gone = run_of(), run_of("other"), run_of("gone")
    delete_definition("gone", by="t")
    body = {"run_ids": [str(one) for one in (first, second, gone)]}
    results = api.post("runs/rerun", body).json()["results"]
    assert [one["outcome"] for one in results] == ["requested", "requested", "job_deleted"]
    assert RunRequest.objects.count() == 2
    assert api.get(f"run-requests/{results[0]['request_id']}").json()["rerun_of"] == str(first)


def test_what_a_filter_finds_is_canceled_up_to_the_limit(api: Api):
    made = [run_of(state="PENDING") for _ in range(4)]
    other = run_of("other", state="PENDING")
    body = {"filter": {"job": "report", "state": ["PENDING"]}, "limit": 3}
    answer = api.post("runs/cancel", body).json()
    assert answer["more"] is True
    assert [UUID(one["run_id"]) for one in answer["results"]] == made[:0:-1]
    assert JobRun.objects.get(pk=other).cancel_requested_at is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run_ids": []},
        {"run_ids": ["x"]},
        {"run_ids": [str(UUID(int=7))], "filter": {"job": "report"}},
        {"run_ids": [str(UUID(int=number)) for number in range(1001)]},
        {"filter": {}},
        {"filter": {"state": []}},
        {"filter": {"job": "report"}, "limit": 1001},
        {"filter": {"jobs": "report"}},
    ],
)
def test_a_bulk_wish_that_is_unclear_or_too_large_is_refused(api: Api, body):
    run_of(state="PENDING")
    response = api.post("runs/cancel", body)
    assert (response.status_code, code_of(response)) == (422, "INVALID_FIELDS")
    assert JobRun.objects.get().cancel_requested_at is None


def test_ids_made_since_an_instant_are_not_below_its_id(database):
    assert run_of() > id_at(NOW - timedelta(seconds=2))
