"""The HTTP API on SQLite and on PostgreSQL, without a cluster."""

from collections.abc import Iterator
from typing import Any

import pytest

from scheduler.queries.in_force import forget_core_settings
from scheduler.store.connections import database_from_url
from tests.contract.store.world import World


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
def world(database: Any) -> Iterator[World]:
    """A cluster led by w-1 in that database; the test plays the leader and the worker."""
    world = World(database_from_url(database.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()
