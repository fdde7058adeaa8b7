"""Jobs over the REST API: made, read, edited under optimistic concurrency, deleted, previewed."""

from datetime import UTC, datetime

import pytest

from scheduler.api.rest.job_fields import JOB_FIELDS
from scheduler.models import AdminActionLog, JobDefinition
from scheduler.requests import save_definition
from scheduler.requests.jobs import EDITABLE_FIELDS
from tests.integration.api.callers import Api, code_of

pytestmark = pytest.mark.usefixtures("database")

HOURLY = {"kind": "hourly", "minute": 0}


def make(api: Api, name: str = "report", **fields):
    response = api.post("jobs", {"name": name, "command_name": "noop"} | fields)
    assert response.status_code == 201, response.content
    return response


def actions() -> list[str]:
    rows = AdminActionLog.objects.exclude(action="token_created").order_by("id")
    return list(rows.values_list("action", flat=True))


def test_a_job_is_made_with_defaults_and_recorded_with_its_maker(api: Api):
    response = make(api, schedule=HOURLY, timezone="Asia/Tokyo", required_labels={"zone": "a"})
    body = response.json()
    assert body["schedule"] == HOURLY
    assert (body["max_attempts"], body["queue"], body["enabled"]) == (1, "default", True)
    assert response["ETag"] == f'"{body["id"]}.1"'
    assert api.get(response["Location"]).json() == body
    entry = AdminActionLog.objects.get(action="job_created")
    assert (entry.actor, entry.target) == ("token:ci", "report")


def test_a_name_is_taken_once(api: Api):
    make(api)
    response = api.post("jobs", {"name": "report", "command_name": "other"})
    assert (response.status_code, code_of(response)) == (409, "JOB_EXISTS")
    assert JobDefinition.objects.get().command_name == "noop"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"schedule": {"kind": "cron", "expression": "99 * * * *"}}, "schedule"),
        ({"timezone": "Asia/Tokio"}, "timezone"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": "3"}, "max_attempts"),
        ({"enabled": "yes"}, "enabled"),
        ({"concurrency_policy": "sometimes"}, "concurrency_policy"),
        ({"required_labels": {"zone": 1}}, "required_labels.zone"),
        ({"default_args_json": "--fast"}, "default_args_json"),
        ({"starts_at": "2026-01-01"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at"),
        ({"timeout_seconds": 1e300}, "timeout_seconds"),
        ({"command_name": ""}, "command_name"),
        ({"colour": "red"}, "colour"),
        ({"quarantined_at": None}, "quarantined_at"),
        ({"revision": 7}, "revision"),
        ({"name": "x" * 201}, "name"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_saved(api: Api, fields, field):
    response = api.post("jobs", {"name": "report", "command_name": "noop"} | fields)
    assert (response.status_code, code_of(response)) == (422, "INVALID_FIELDS")
    assert field in {
        error["field"].removesuffix(".str") for error in response.json()["errors"]
    } or any(error["field"].startswith(field) for error in response.json()["errors"])
    assert not JobDefinition.objects.exists()


def test_every_field_that_people_may_edit_is_a_field_of_the_api():
    names = {field.name for field in JOB_FIELDS}
    assert names == EDITABLE_FIELDS - {"deleted_at", "quarantined_at", "provenance"}


def test_an_edit_needs_the_tag_of_what_it_edits(api: Api):
    make(api)
    for method in ("PUT", "PATCH", "DELETE"):
        response = api.call(method, "jobs/report", None if method == "DELETE" else {})
        assert (response.status_code, code_of(response)) == (428, "PRECONDITION_REQUIRED")
    assert JobDefinition.objects.get().deleted_at is None


def test_of_two_who_read_the_same_only_the_first_to_edit_wins(api: Api):
    tag = make(api)["ETag"]
    first = api.call("PATCH", "jobs/report", {"priority": 1}, {"If-Match": tag})
    assert first.status_code == 200
    assert first["ETag"] != tag
    second = api.call("PATCH", "jobs/report", {"priority": 2}, {"If-Match": tag})
    assert (second.status_code, code_of(second)) == (412, "EDIT_CONFLICT")
    assert JobDefinition.objects.get().priority == 1
    again = api.call("PATCH", "jobs/report", {"priority": 2}, {"If-Match": first["ETag"]})
    assert again.json()["priority"] == 2


@pytest.mark.parametrize("tag", ['W/"{0}.1"', '"{0}.99"', '"7000.1"', "{0}.1", '""', "nonsense"])
def test_a_tag_that_names_another_state_does_not_match(api: Api, tag):
    job = make(api).json()
    response = api.call("DELETE", "jobs/report", None, {"If-Match": tag.format(job["id"])})
    assert response.status_code == 412


def test_one_tag_of_several_is_enough_and_a_star_takes_what_is_there(api: Api):
    tag = make(api)["ETag"]
    several = {"If-Match": f'"x", {tag}'}
    assert api.call("PATCH", "jobs/report", {"priority": 3}, several).status_code == 200
    assert api.call("DELETE", "jobs/report", None, {"If-Match": "*"}).status_code == 204
    assert api.get("jobs/report").status_code == 404


def test_the_tag_of_a_deleted_job_does_not_fit_its_successor(api: Api):
    tag = make(api)["ETag"]
    api.call("DELETE", "jobs/report", None, {"If-Match": tag})
    make(api)
    response = api.call("DELETE", "jobs/report", None, {"If-Match": tag})
    assert response.status_code == 412


def test_a_patch_leaves_what_it_does_not_name_and_a_put_sets_it_back(api: Api):
    tag = make(api, priority=5, description="kept", schedule=HOURLY)["ETag"]
    response = api.call("PATCH", "jobs/report", {"queue": "slow"}, {"If-Match": tag})
    body = response.json()
    assert (body["priority"], body["description"], body["queue"]) == (5, "kept", "slow")
    response = api.call(
        "PUT",
        "jobs/report",
        {"command_name": "noop", "priority": 6},
        {"If-Match": response["ETag"]},
    )
    body = response.json()
    assert (body["priority"], body["description"], body["queue"]) == (6, "", "default")
    assert body["schedule"] is None


def test_a_bad_edit_changes_nothing(api: Api):
    tag = make(api)["ETag"]
    response = api.call(
        "PATCH", "jobs/report", {"priority": 9, "timezone": "Mars/Base"}, {"If-Match": tag}
    )
    assert response.status_code == 422
    job = JobDefinition.objects.get()
    assert (job.priority, job.revision) == (0, 1)


def test_a_job_is_enabled_disabled_and_released(api: Api):
    make(api)
    assert api.post("jobs/report/disable").json()["enabled"] is False
    assert api.post("jobs/report/enable").json()["enabled"] is True
    JobDefinition.objects.update(quarantined_at=datetime.now(UTC))
    assert api.get("jobs?quarantined=true").json()["jobs"][0]["name"] == "report"
    assert api.post("jobs/report/release").json()["quarantined_at"] is None
    assert actions() == ["job_created", "job_changed", "job_changed", "job_released"]


def test_a_missing_job_is_named_with_the_nearest(api: Api):
    make(api)
    response = api.get("jobs/reprot")
    assert (response.status_code, code_of(response)) == (404, "JOB_NOT_FOUND")
    assert "did you mean 'report'" in response.json()["detail"]


def test_a_name_that_fits_into_no_address_is_reached_by_its_id(api: Api):
    body = make(api, name="sales/日次 report").json()
    assert api.get(f"jobs/id:{body['id']}").json()["name"] == "sales/日次 report"
    assert api.get(f"jobs/id:{body['id'] + 1}").status_code == 404
    make(api, name="日次")
    assert api.get("jobs/%E6%97%A5%E6%AC%A1").json()["name"] == "日次"


def test_the_list_goes_page_by_page_without_gap_or_repeat(api: Api):
    for number in range(7):
        save_definition(f"job-{number}", by="t", command_name="noop", priority=number)
    names, path = [], "jobs?limit=3"
    while path:
        page = api.get(path).json()
        names += [job["name"] for job in page["jobs"]]
        path = page["next"] and f"jobs?limit=3&cursor={page['next']}"
    assert names == [f"job-{number}" for number in range(7)]


def test_the_list_is_filtered(api: Api):
    make(api, name="a-report", queue="slow")
    make(api, name="b-REPORT", enabled=False)
    make(api, name="c")
    found = {
        query: [job["name"] for job in api.get(f"jobs?{query}").json()["jobs"]]
        for query in ("search=report", "enabled=false", "queue=slow", "quarantined=true")
    }
    assert found == {
        "search=report": ["a-report", "b-REPORT"],
        "enabled=false": ["b-REPORT"],
        "queue=slow": ["a-report"],
        "quarantined=true": [],
    }


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "enabled=1", "colour=red", "cursor=%21", "search="]
)
def test_a_bad_query_is_refused_by_the_parameter(api: Api, query):
    response = api.get(f"jobs?{query}")
    assert (response.status_code, code_of(response)) == (422, "INVALID_FIELDS")
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


def test_the_next_fire_times_of_a_saved_job(api: Api):
    make(api, schedule={"kind": "daily", "at": "09:00"}, timezone="Asia/Tokyo", enabled=False)
    answer = api.get("jobs/report/fire-times?count=2&after=2026-12-31T00:00:00Z").json()
    assert answer["times"] == ["2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"]
    assert answer["words"] == "every day at 09:00 (Asia/Tokyo)"
    japanese = api.get("jobs/report/fire-times?lang=ja").json()
    assert "毎日" in japanese["words"]


def test_a_job_by_hand_has_no_fire_times(api: Api):
    make(api)
    assert api.get("jobs/report/fire-times").json()["times"] == []


def test_the_fire_times_of_fields_that_are_not_saved(api: Api):
    fields = {"schedule": HOURLY, "ends_at": "2026-01-01T02:00:00Z"}
    answer = api.post("fire-times?after=2026-01-01T00:00:00Z", fields).json()
    assert answer["times"] == ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]
    interval = api.post("fire-times?count=1", {"schedule": {"kind": "interval", "seconds": 60}})
    assert len(interval.json()["times"]) == 1
    assert not JobDefinition.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": {"kind": "hourly"}},
        {"schedule": HOURLY, "timezone": "Nowhere"},
        {"schedule": {"kind": "cron", "expression": "0 0 30 2 *"}},
        {
            "schedule": HOURLY,
            "starts_at": "2026-01-02T00:00:00Z",
            "ends_at": "2026-01-01T00:00:00Z",
        },
        {},
    ],
)
def test_a_schedule_that_cannot_be_is_refused_in_one_sentence(api: Api, fields):
    response = api.post("fire-times", fields)
    assert (response.status_code, code_of(response)) == (422, "INVALID_FIELDS")


def test_what_another_way_saved_is_shown_though_the_api_would_not_take_it(api: Api):
    opens = datetime(1960, 1, 1, tzinfo=UTC)
    save_definition("report", by="t", command_name="noop", starts_at=opens, priority=-(2**31))
    assert api.get("jobs/report").json()["starts_at"] == "1960-01-01T00:00:00Z"


def test_the_triggers_of_a_job_are_replaced_whole_under_its_tag(api: Api):
    tag = make(api)["ETag"]
    assert api.get("jobs/report/triggers").json() == {"triggers": []}
    wish = {"triggers": [{"event_type": "order.*", "source": "shop"}]}
    assert code_of(api.call("PUT", "jobs/report/triggers", wish)) == "PRECONDITION_REQUIRED"
    response = api.call("PUT", "jobs/report/triggers", wish, {"If-Match": tag})
    assert response.json()["triggers"][0]["event_type"] == "order.*"
    assert response["ETag"] == api.get("jobs/report")["ETag"] != tag
    again = api.call("PUT", "jobs/report/triggers", wish, {"If-Match": tag})
    assert again.status_code == 412
    bad = {"triggers": [{"event": "order.*"}]}
    response = api.call("PUT", "jobs/report/triggers", bad, {"If-Match": "*"})
    assert (response.status_code, code_of(response)) == (422, "INVALID_TRIGGER")
