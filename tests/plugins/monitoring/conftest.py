"""A cluster's database with the plugin's own tables, on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.test import modify_settings

from scheduler.queries.plugins import forget_plugins
from scheduler.store.connections import database_from_url
from tests.contract.store.world import World
from tests.plugins.http_server import LocalServer, local_server, send

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PLUGIN = "scheduler_monitoring.plugin.MonitoringPlugin"


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin is listed, its app installed."""
    monkeypatch.setenv("SCHEDULER_PLUGINS", PLUGIN)
    forget_plugins()
    with modify_settings(INSTALLED_APPS={"append": "scheduler_monitoring"}):
        yield
    forget_plugins()


@pytest.fixture(
    params=["django_sqlite", pytest.param("django_postgres", marks=pytest.mark.postgres)]
)
def world(request: pytest.FixtureRequest, enabled: None) -> Iterator[World]:
    """A cluster led by w-1, in the database that is Django's default."""
    found = request.getfixturevalue(request.param)
    call_command("migrate", "scheduler_monitoring", verbosity=0)
    world = World(database_from_url(found.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """A receiver of OTLP over HTTP to which the environment points."""
    with local_server() as server:
        server.answer = lambda h: send(h, 200, b"")
        monkeypatch.setenv(ENDPOINT, server.address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        yield server
