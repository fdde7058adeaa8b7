"""Every test of this folder runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from scheduler.store.connections import database_from_url
from scheduler.store.sessions import Database
from tests.contract.store.world import World


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    return database_from_url(request.getfixturevalue(request.param).dsn, worker_id="w-1")


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """A cluster led by w-1, which has a live lease."""
    world = World(database)
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()
