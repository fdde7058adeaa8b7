from contextlib import closing
from uuid import uuid4

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import Fence
from scheduler.store.sessions import Database
from tests.contract.store.world import World, bump


def test_a_new_database_has_no_leader(database: Database):
    with closing(World(database)) as world:
        view = world.cluster.read()
    assert (view.epoch, view.term_id, view.leader_worker_id) == (0, None, None)
    assert view.leader_seen_age_seconds is None
    assert not view.released


def test_a_bump_makes_the_leader_known(world: World):
    view = world.cluster.read()
    assert (view.epoch, view.term_id) == (world.fence.epoch, world.fence.term_id)
    assert (view.leader_worker_id, view.leader_address) == ("w-1", "w-1:50051")
    assert view.backend_pid is not None
    assert view.leader_seen_age_seconds is not None and view.leader_seen_age_seconds < 60


def test_only_one_of_two_contenders_wins_an_epoch(world: World):
    seen = world.fence.epoch
    assert bump(world.cluster, seen, uuid4(), "w-2")
    assert not bump(world.cluster, seen, uuid4(), "w-3")
    assert world.cluster.read().leader_worker_id == "w-2"


def test_a_renewal_is_refused_after_a_bump_and_names_the_new_leader(world: World):
    old = world.fence
    world.elect("w-2")
    with pytest.raises(StaleEpoch) as caught:
        world.cluster.renew(old)
    assert (caught.value.mine, caught.value.current) == (1, 2)
    assert caught.value.leader_worker_id == "w-2"


def test_the_right_epoch_with_another_term_is_no_fence(world: World):
    with pytest.raises(StaleEpoch):
        world.cluster.renew(Fence(world.fence.epoch, uuid4()))


def test_a_release_is_seen_and_the_next_term_is_not_released(world: World):
    world.cluster.release(world.fence)
    assert world.cluster.read().released
    world.elect("w-2")
    assert not world.cluster.read().released


def test_the_subleader_is_forgotten_once_it_leads(world: World):
    world.cluster.name_subleader(world.fence, "w-2")
    assert world.cluster.read().subleader_worker_id == "w-2"
    world.elect("w-2")
    assert world.cluster.read().subleader_worker_id is None


def test_renewing_returns_the_row_as_it_now_is(world: World):
    view = world.cluster.renew(world.fence)
    assert view.epoch == world.fence.epoch
    assert view.leader_seen_age_seconds == pytest.approx(0, abs=0.1)


def test_the_timeline_is_a_number_that_stays(world: World):
    timeline = 0 if world.database.vendor == "sqlite" else 1
    assert world.cluster.read().timeline == timeline
    assert world.cluster.renew(world.fence).timeline == timeline
