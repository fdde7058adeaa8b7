"""What no well-meaning caller sends: answered by one clear problem, never by a traceback."""

import json

import pytest
from django.test import Client

from scheduler.api.rest.application import DOCS_POLICY
from scheduler.requests import save_definition
from tests.integration.api.callers import Api, code_of, token_api, user_api

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("database")]


@pytest.fixture
def database(django_postgres):
    """The database that is the harder to please: it takes no NUL and no number out of range."""
    return django_postgres


@pytest.fixture
def secret(database) -> str:
    save_definition("report", by="t", command_name="noop")
    return token_api()._headers["X-Scheduler-Token"]


def send(secret: str, body: bytes, kind: str = "application/json", path: str = "jobs"):
    headers = {"X-Scheduler-Token": secret}
    return Client().generic("POST", f"/api/v1/{path}", body, content_type=kind, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"priority": ' + b"9" * 10_000 + b"}",
        b'{"name": "a\\u0000b"}',
        b'{"name": "a\\ud800b"}',
        b'{"schedule": {"kind\\u0000": 1}}',
        b'{"default_args_json": ["\\u0000"]}',
        b'{"name": "x", "command_name": "noop", "default_args_json": [1e400]}',
        b'{"name": "x", "command_name": "noop", "default_args_json": '
        + b"[" * 3_000
        + b"]" * 3_000
        + b"}",
    ],
)
def test_a_body_that_is_no_json_or_no_text(secret, body):
    response = send(secret, body)
    assert (response.status_code, code_of(response)) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"true", b""])
def test_a_body_that_is_no_object(secret, body):
    response = send(secret, body)
    assert (response.status_code, code_of(response)) == (422, "INVALID_FIELDS")


def test_a_body_of_another_type(secret):
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        response = send(secret, b'{"name": "x"}', kind)
        assert (response.status_code, code_of(response)) == (415, "NOT_JSON")


def test_a_body_that_is_too_large(secret):
    response = send(secret, b'{"name": "' + b"x" * 3_000_000 + b'"}')
    assert (response.status_code, code_of(response)) == (413, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize(
    "path", ["runs?scheduled_from=1970-01-01T00:00:00Z", "events?received_from=1970-01-01T00:00Z"]
)
def test_the_first_instant_that_is_taken_finds_all(secret, path):
    response = Client().get(f"/api/v1/{path}", headers={"X-Scheduler-Token": secret})
    assert response.status_code == 200, response.content


def test_an_address_with_too_many_parameters(secret):
    query = "&".join(f"a{number}=1" for number in range(1_100))
    response = Client().get(f"/api/v1/jobs?{query}", headers={"X-Scheduler-Token": secret})
    assert (response.status_code, code_of(response)) == (400, "MALFORMED_REQUEST")


MANY_FIELDS = b"&".join(b"a%d=1" % number for number in range(1_100))


@pytest.mark.parametrize("address", ["/api/v1/jobs/report/run", "/api/events/ingest/"])
@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("multipart/form-data", b"x", 400, "MALFORMED_REQUEST"),
        ("application/x-www-form-urlencoded", MANY_FIELDS, 400, "MALFORMED_REQUEST"),
        ("application/x-www-form-urlencoded", b"a=" + b"1" * 3_000_000, 413, "REQUEST_TOO_LARGE"),
    ],
)
def test_a_form_of_a_session_in_which_django_looks_for_the_csrf_token(
    secret, address, kind, body, status, code
):
    api = user_api(superuser=True)
    response = api._client.generic("POST", address, body, content_type=kind, headers=api._headers)
    assert (response.status_code, code_of(response)) == (status, code)


@pytest.mark.parametrize("path", ["jobs/a%00b", "runs?worker=a%00b", "runs?a%00b=1", "workers/%00"])
def test_an_address_with_nul(secret, path):
    response = Client().get(f"/api/v1/{path}", headers={"X-Scheduler-Token": secret})
    assert (response.status_code, code_of(response)) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize(
    "path", ["", "nothing", "runs/7", "runs/not-an-id/log", "jobs/", "jobs/a/b/c"]
)
def test_an_address_that_is_none(secret, path):
    response = Client().get(f"/api/v1/{path}", headers={"X-Scheduler-Token": secret})
    assert (response.status_code, code_of(response)) == (404, "ADDRESS_NOT_FOUND")


def test_a_method_that_is_none(secret):
    response = Client().delete("/api/v1/jobs", headers={"X-Scheduler-Token": secret})
    assert (response.status_code, code_of(response)) == (405, "METHOD_NOT_ALLOWED")
    assert {method.strip() for method in response["Allow"].split(",")} == {"GET", "POST"}


def test_head_is_answered_as_get(secret):
    response = Client().head("/api/v1/jobs", headers={"X-Scheduler-Token": secret})
    assert (response.status_code, response.content) == (200, b"")


def test_a_failure_of_ours_shows_nothing_of_itself(secret, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("scheduler.api.rest.jobs.job_page", broken)
    response = Client().get("/api/v1/jobs", headers={"X-Scheduler-Token": secret})
    assert (response.status_code, code_of(response)) == (500, "INTERNAL_ERROR")
    assert b"hunter2" not in response.content


def test_sentences_are_english_whatever_the_browser_speaks(secret):
    headers = {"X-Scheduler-Token": secret, "Accept-Language": "ja", "If-Match": "*"}
    response = Client().patch(
        "/api/v1/jobs/report", b'{"max_attempts": -1}', "application/json", headers=headers
    )
    assert response.json()["detail"].isascii()
    assert response["Content-Language"] == "en"


def test_answers_are_kept_by_nobody(secret):
    response = Client().get("/api/v1/jobs", headers={"X-Scheduler-Token": secret})
    assert response["Cache-Control"] == "no-store"


def test_the_description_is_openapi_3_1_and_documents_every_problem(database):
    described = Client().get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for methods in described["paths"].values():
        for operation in methods.values():
            assert {"401", "403", "503"} <= operation["responses"].keys()
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]
                    assert answer["description"]


def test_the_page_of_the_documentation_asks_no_other_server_and_runs_no_inline_script(database):
    response = Client().get("/api/v1/docs")
    page = response.content.decode()
    assert response["Content-Security-Policy"] == DOCS_POLICY
    assert "://" not in page
    assert 'data-csrf-token="' in page and 'data-api-csrf="true"' in page
    scripts = [line for line in page.splitlines() if "<script" in line]
    assert all("src=" in line or 'type="application/json"' in line for line in scripts)
    assert " style=" not in page and "<style" not in page and " onload=" not in page


def test_the_files_of_that_page_are_served_by_us(database):
    page = Client().get("/api/v1/docs").content.decode()
    links = [part.split('"')[0] for part in page.split('="')[1:] if part.startswith("/static/")]
    assert len(links) >= 3
    for link in links:
        response = Client().get(link)
        assert response.status_code == 200, link
        response.close()


def test_nothing_is_said_twice(secret):
    """One operation, one name."""
    described = Client().get("/api/v1/openapi.json").json()
    names = [one["operationId"] for each in described["paths"].values() for one in each.values()]
    assert len(names) == len(set(names))
    assert isinstance(json.dumps(described), str)
    assert isinstance(Api(Client()), Api)
