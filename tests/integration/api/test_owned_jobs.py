"""Jobs that the API must not change: owned by code or a file, or upstream of others."""

import pytest

from scheduler.models import AdminActionLog, JobDefinition
from scheduler.requests import save_definition, set_dependencies
from tests.integration.api.callers import Api, code_of, token_api

pytestmark = pytest.mark.usefixtures("database")

ANY = {"If-Match": "*"}


@pytest.fixture
def database(django_sqlite):
    """The rules are the same on every database: the cheapest will do."""
    return django_sqlite


@pytest.fixture
def api(database) -> Api:
    save_definition("nightly", by="t", command_name="noop", provenance="file:jobs.yaml")
    save_definition("report", by="t", command_name="noop")
    AdminActionLog.objects.all().delete()
    return token_api()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "jobs/nightly", {"command_name": "other"}),
        ("PATCH", "jobs/nightly", {"priority": 3}),
        ("DELETE", "jobs/nightly", None),
        ("PUT", "jobs/nightly/triggers", {"triggers": [{"event_type": "order.created"}]}),
        ("PUT", "jobs/nightly/dependencies", {"depends_on": ["report"]}),
    ],
)
def test_a_job_that_a_file_owns_is_a_conflict_and_stays(api: Api, method, path, body):
    response = api.call(method, path, body, ANY)
    assert (response.status_code, code_of(response)) == (409, "MANAGED_BY_CODE")
    assert JobDefinition.objects.get(name="nightly", deleted_at=None).revision == 1
    assert not AdminActionLog.objects.exclude(action="token_created").exists()


def test_what_an_owned_job_says_already_may_be_said_again(api: Api):
    assert api.call("PATCH", "jobs/nightly", {"priority": 0}, ANY).status_code == 200


def test_a_job_that_a_file_owns_may_be_disabled_and_enabled(api: Api):
    assert api.post("jobs/nightly/disable").json()["enabled"] is False
    assert api.post("jobs/nightly/enable").json()["enabled"] is True


def test_a_job_that_others_depend_on_is_not_deleted(api: Api):
    save_definition("load", by="t", command_name="noop")
    set_dependencies("report", ["load"], by="t")
    response = api.call("DELETE", "jobs/load", headers=ANY)
    assert (response.status_code, code_of(response)) == (409, "UPSTREAM_IN_USE")
    assert "'report'" in response.json()["detail"]
