"""The HTTP API on SQLite and on PostgreSQL, without a cluster."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from scheduler.queries.in_force import forget_core_settings
from scheduler.store.connections import database_from_url
from tests.contract.store.world import World
from tests.integration.api.callers import Api, token_api


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Any:
    """Django's default database: empty, migrated."""
    return request.getfixturevalue(f"django_{request.param}")


@pytest.fixture(autouse=True)
def settings_read_anew() -> Iterator[None]:
    forget_core_settings()
    yield
    forget_core_settings()


@pytest.fixture
def api(database: Any) -> Api:
    """Calls by a token of every scope."""
    return token_api()


@pytest.fixture
def world(database: Any) -> Iterator[World]:
    """A cluster led by w-1 in that database; the test plays the leader and the worker."""
    world = World(database_from_url(database.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()


@pytest.fixture
def site(database: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The site on a port of 127.0.0.1, over that database; its URL."""
    monkeypatch.setenv("SCHEDULER_REDIS_URL", "unix:///nowhere/redis.sock")
    monkeypatch.setattr(WSGIRequestHandler, "log_message", lambda *_: None)
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.daemon_threads = False
    server.set_app(get_wsgi_application())
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()
