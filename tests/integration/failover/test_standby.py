"""The stores and a real fail-over: what they notice, and what they refuse to write."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from scheduler.domain.errors import DatabaseUnavailable, TimelineChanged
from scheduler.domain.values import RunState
from scheduler.store.connections import database_from_url
from scheduler_demo.services import EmbeddedPostgres, wait_until
from tests.conftest import TestDatabase
from tests.contract.store.world import World, claim_of, result
from tests.integration.failover.standby import Standby, either

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@dataclass
class Pair:
    """A primary, its standby, and stores that find whichever can be written to."""

    primary: Standby
    standby: Standby
    world: World

    def cut(self) -> None:
        assert wait_until(self.standby.has_caught_up, 20.0)
        self.standby.stop_receiving()
        assert wait_until(lambda: not self.standby.is_receiving(), 20.0)

    def fail_over(self) -> None:
        self.primary.kill()
        self.standby.promote()


@pytest.fixture
def pair(
    tmp_path: Path, postgres: TestDatabase, postgres_server: EmbeddedPostgres
) -> Iterator[Pair]:
    """Both are copies of the shared server; the first was promoted, to be our own primary."""
    database = urlsplit(postgres.dsn).path[1:]
    with Standby(tmp_path / "primary", postgres_server) as primary:
        primary.promote()
        with Standby(tmp_path / "standby", primary) as standby:
            world = World(database_from_url(either(primary, standby, database)))
            world.worker("w-1")
            world.elect("w-1")
            yield Pair(primary, standby, world)
            world.close()


def assert_refused(write: Callable[[], object], known: int) -> None:
    """The connection to the old primary breaks; the new one is not written to."""
    with pytest.raises(DatabaseUnavailable):
        write()
    with pytest.raises(TimelineChanged) as changed:
        write()
    assert (changed.value.known, changed.value.current) == (known, known + 1)


def test_nothing_is_written_after_a_fail_over_before_it_is_known(pair: Pair):
    world = pair.world
    (run,) = world.plan(world.define())
    before = world.cluster.read().timeline
    for store in (world.workers, world.leader, world.leases):
        store.expect_timeline(before)
    pair.cut()
    token = world.start([run])[run]
    pair.fail_over()

    for write in (
        lambda: world.workers.finish("w-1", [result(run, token)]),
        lambda: world.leader.unassign_lost(world.fence),
        lambda: world.leases.mark_lost(world.fence, ["w-1"]),
    ):
        assert_refused(write, before)
    world.session.close()
    assert world.state(run) is RunState.PENDING

    world.workers.expect_timeline(before + 1)
    claim = claim_of(run, 1, claim_token=token)
    assert world.workers.replay_claims([(claim, 1.0)]) == [run]
    assert world.workers.finish("w-1", [result(run, token)]) == [run]


def test_views_and_answers_tell_the_new_timeline(pair: Pair):
    world = pair.world
    before = world.cluster.read().timeline
    assert wait_until(pair.standby.has_caught_up, 20.0)
    pair.fail_over()
    with pytest.raises(DatabaseUnavailable):
        world.cluster.read()
    world.leases.close()
    assert world.cluster.read().timeline == before + 1
    assert world.cluster.renew(world.fence).timeline == before + 1
    answer = world.leases.renew("w-1", open_runs=0)
    assert answer is not None
    assert answer.timeline == before + 1
    (behind,) = world.leases.live()
    assert behind.replayed_timeline == before


def test_a_restart_of_the_server_is_no_change(pair: Pair):
    world = pair.world
    (run,) = world.plan(world.define())
    world.workers.expect_timeline(world.cluster.read().timeline)
    token = world.start([run])[run]
    pair.primary.restart()
    with pytest.raises(DatabaseUnavailable) as error:
        world.workers.finish("w-1", [result(run, token)])
    assert not isinstance(error.value, TimelineChanged)
    assert world.workers.finish("w-1", [result(run, token)]) == [run]


@pytest.mark.parametrize("action", ["read", "write"])
def test_a_standby_counts_as_a_database_that_is_away(
    pair: Pair, postgres: TestDatabase, action: str
):
    assert wait_until(pair.standby.has_caught_up, 20.0)
    standby = pair.standby.dsn_of(urlsplit(postgres.dsn).path[1:])
    world = World(database_from_url(standby))
    with pytest.raises(DatabaseUnavailable, match=r"recovery is in progress|it is a standby"):
        if action == "read":
            world.cluster.read()
        else:
            world.workers.finish("w-1", [result(uuid4(), uuid4())])
    world.close()
