"""The leader in tests of the API: what was asked for becomes runs."""

from types import SimpleNamespace
from typing import Any, cast

from uuid_utils.compat import uuid7

from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.planner import Planner
from tests.contract.store.world import World


def lead(world: World) -> None:
    """One tick of the leader's planner."""
    clock = SimpleNamespace(now=world.now)
    planner = Planner(world.leader, cast(Any, clock), RuntimeConfig, uuid7)
    term = SimpleNamespace(fence=world.fence, epoch=world.fence.epoch)
    planner.tick(cast(Any, term), world.leader.agenda())
