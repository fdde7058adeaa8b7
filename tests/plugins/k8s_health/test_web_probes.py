"""/livez and /readyz of the web process, with a real database and a real Valkey."""

from pathlib import Path

import dj_database_url
import pytest
from django.db import connections
from django.test import Client

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.mounts import UrlMount
from scheduler.plugin_api.plugin import Plugin
from scheduler.queries.readiness import web_readiness
from scheduler.transport.certificates import mint
from scheduler_demo.services import EmbeddedValkey
from scheduler_k8s_health import views
from scheduler_k8s_health.plugin import KubernetesHealthPlugin
from scheduler_k8s_health.remembering import Remembered
from tests.plugins.builders import host_of

pytestmark = pytest.mark.urls("scheduler_k8s_health.urls")

GONE = "postgresql://someone:hunter22@127.0.0.1:1/jobs"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test asks anew."""
    monkeypatch.setattr(views, "_needs", Remembered(web_readiness, lambda: 0.0))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, valkey: EmbeddedValkey, tmp_path: Path) -> None:
    monkeypatch.setenv("SCHEDULER_REDIS_URL", valkey.url)
    monkeypatch.delenv("SCHEDULER_GRPC_INSECURE", raising=False)
    monkeypatch.delenv("SCHEDULER_TLS_CERT_FILE", raising=False)


@pytest.fixture(params=["postgres", "sqlite"])
def database(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(f"django_{request.param}")


def parts(path="/readyz"):
    response = Client().get(path)
    return response.status_code, response.json()["parts"]


def test_readyz_names_a_database_that_is_away_without_its_address(monkeypatch, caplog):
    gone = connections.configure_settings({"default": dict(dj_database_url.parse(GONE))})
    monkeypatch.setitem(connections.settings, "default", gone["default"])
    response = Client().get("/readyz?verbose")
    assert response.status_code == 503
    told = response.json()["parts"]
    assert told["database"] == {"ok": False, "summary": "The database does not answer."}
    assert told["redis"]["ok"]
    assert "127.0.0.1" not in response.text
    assert "hunter22" not in response.text + caplog.text


def test_readyz_names_a_redis_that_is_away_without_its_address(database, monkeypatch):
    monkeypatch.setenv("SCHEDULER_REDIS_URL", "redis://:hunter22@127.0.0.1:1/0")
    response = Client().get("/readyz?verbose")
    assert response.status_code == 503
    assert response.json()["parts"]["redis"]["summary"] == "Redis does not answer."
    assert "127.0.0.1" not in response.text
    assert "hunter22" not in response.text


def test_readyz_names_a_certificate_that_was_named_and_is_not_there(
    database, monkeypatch, tmp_path
):
    monkeypatch.setenv("SCHEDULER_TLS_CERT_FILE", str(tmp_path / "tls.crt"))
    status, found = parts()
    assert (status, found["certificate"]) == (503, "failing")


def test_readyz_tells_of_a_bad_environment_without_its_values(monkeypatch):
    monkeypatch.setenv("SCHEDULER_REDIS_URL", "hunter22")
    response = Client().get("/readyz?verbose")
    assert response.status_code == 503
    assert list(response.json()["parts"]) == ["settings"]
    assert "hunter22" not in response.text


def test_readyz_names_an_expired_certificate(database, monkeypatch, tmp_path):
    files = mint(tmp_path, days=0)
    monkeypatch.setenv("SCHEDULER_TLS_CERT_FILE", str(files.cert_file))
    monkeypatch.setenv("SCHEDULER_TLS_KEY_FILE", str(files.key_file))
    assert parts()[1]["certificate"] == "failing"


def test_readyz_takes_a_good_certificate(database, monkeypatch, tmp_path):
    files = mint(tmp_path, days=1)
    monkeypatch.setenv("SCHEDULER_TLS_CERT_FILE", str(files.cert_file))
    monkeypatch.setenv("SCHEDULER_TLS_KEY_FILE", str(files.key_file))
    assert parts() == (200, {"database": "ok", "redis": "ok", "certificate": "ok"})


def test_a_web_process_without_a_certificate_is_ready(database):
    assert parts() == (200, {"database": "ok", "redis": "ok"})


def test_livez_asks_nothing_at_all(monkeypatch):
    # No fixture brings a database either: pytest-django lets nobody ask one.
    monkeypatch.setattr(views, "_needs", None)
    assert parts("/livez") == (200, {})


def test_many_probes_in_a_second_ask_once(monkeypatch, database):
    asked = []

    def ask():
        asked.append(1)
        return web_readiness()

    kept = Remembered(ask, lambda: 60.0)
    monkeypatch.setattr(views, "_needs", kept)
    for _ in range(5):
        assert parts()[0] == 200
    assert asked == [1]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_take_no_post_and_are_not_kept_by_caches(database, path):
    assert Client().post(path).status_code == 405
    assert Client().get(path).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_are_answered_over_plain_http_behind_tls(database, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get(path).status_code == 200


def test_probes_open_no_transaction_where_a_project_wants_one_for_each_request(monkeypatch):
    atomic = {**connections.settings["default"], "ATOMIC_REQUESTS": True}
    monkeypatch.setitem(connections.settings, "default", atomic)
    assert Client().get("/livez").status_code == 200


def test_the_root_may_be_shared_with_other_plugins():
    class AtTheRoot(Plugin):
        name = "at_the_root"

        @hookimpl
        def scheduler_url_mounts(self):
            return [UrlMount("", "some.urls")]

    mounts = host_of(KubernetesHealthPlugin, AtTheRoot).url_mounts()
    assert [(plugin, mount.prefix) for plugin, mount in mounts] == [
        ("k8s_health", ""),
        ("at_the_root", ""),
    ]
