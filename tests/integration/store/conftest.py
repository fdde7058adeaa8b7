"""Tests of what stands on Django's ORM, on SQLite and on PostgreSQL, beside the raw store."""

from collections.abc import Iterator

import pytest

from scheduler.store.connections import database_from_url
from tests.contract.store.world import World


@pytest.fixture(
    params=["django_sqlite", pytest.param("django_postgres", marks=pytest.mark.postgres)]
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A cluster led by w-1 in the database that is Django's default."""
    found = request.getfixturevalue(request.param)
    world = World(database_from_url(found.dsn, worker_id="w-1"))
    world.worker("w-1")
    world.elect("w-1")
    yield world
    world.close()
