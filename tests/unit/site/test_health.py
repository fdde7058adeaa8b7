"""/healthz: cheap, honest, and never a traceback."""

import pytest
from django.db import OperationalError, connection
from django.test import Client

PASSWORD_IN_ERROR = "connection to server failed: password=hunter2"


@pytest.mark.django_db
def test_healthz_is_ok_when_the_database_answers() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_healthz_asks_the_database_once(django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        Client().get("/healthz")


def test_healthz_is_503_without_details_when_the_database_is_away(monkeypatch) -> None:
    def no_cursor():
        raise OperationalError(PASSWORD_IN_ERROR)

    monkeypatch.setattr(connection, "cursor", no_cursor)
    response = Client().get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "part": "database"}
    assert "hunter2" not in response.content.decode()


def test_healthz_takes_no_post() -> None:
    assert Client().post("/healthz").status_code == 405


@pytest.mark.django_db
def test_healthz_answers_probes_over_plain_http_behind_tls(settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/admin/").status_code == 301
