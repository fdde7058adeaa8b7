"""Jobs and runs in the situations that ``queries.why`` is asked about."""

from datetime import timedelta
from uuid import UUID

import pytest

from scheduler import requests
from scheduler.models import JobDefinition
from tests.contract.store.chains import slot_key_of
from tests.contract.store.world import T0, World, new_run

NOW = T0 + timedelta(seconds=60)


def job(name: str = "report", **fields) -> JobDefinition:
    return requests.save_definition(name, by="ann", command_name="noop", **fields)


def alter(name: str = "report", **fields) -> None:
    JobDefinition.objects.filter(name=name).update(**fields)


@pytest.fixture
def able(world: World) -> World:
    """Led by w-1, with a worker w-2 that may take everything."""
    world.worker("w-2", node_id="node-2", capabilities=("executor:management_command",))
    return world


def waiting(world: World, name: str = "report", index: int = 0, **fields) -> UUID:
    definition = JobDefinition.objects.filter(name=name).first() or job(name, **fields)
    run = new_run(definition.pk, index, slot_key=slot_key_of(T0 + timedelta(seconds=index)))
    request = world.request(definition.pk)
    world.leader.record_requests(world.fence, [(request, run)])
    return run.run_id


def busy(world: World, run: UUID, worker: str = "w-2") -> UUID:
    return world.start([run], worker)[run]


def without_queue(world: World) -> UUID:
    return waiting(world, queue="heavy")
