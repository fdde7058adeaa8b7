"""The commands on a cluster of rows: no process runs, the test plays the leader and the worker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from scheduler.store.connections import database_from_url
from tests.contract.store.world import World


@dataclass(frozen=True)
class Told:
    """What a command said, and its exit code."""

    out: str
    err: str
    code: int


Call = Callable[..., Told]


@pytest.fixture
def call() -> Call:
    """Run a command as the shell would."""

    def call(*args: str) -> Told:
        out, err = StringIO(), StringIO()
        try:
            call_command(*args, stdout=out, stderr=err)
        except CommandError as error:
            return Told(out.getvalue(), err.getvalue() + str(error), error.returncode)
        except SystemExit as stop:
            return Told(out.getvalue(), err.getvalue(), int(stop.code or 0))
        return Told(out.getvalue(), err.getvalue(), 0)

    return call


@pytest.fixture
def world(django_sqlite) -> Iterator[World]:
    world = World(database_from_url(django_sqlite.dsn, worker_id="w-1"))
    yield world
    world.close()


@pytest.fixture
def led(world: World) -> World:
    """A cluster led by w-1."""
    world.worker("w-1")
    world.elect("w-1")
    return world
