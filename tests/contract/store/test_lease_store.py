import pytest

from scheduler.domain.errors import StaleEpoch, WorkerNotFound
from scheduler.domain.values import DesiredMode, LeaseState
from tests.contract.store.world import World, facts_of


def test_what_a_worker_says_of_itself_comes_back(world: World):
    facts = world.worker("w-2", queues=("a", "b"), labels={"gpu": "yes"}, capacity=3)
    view = world.leases.live()[-1]
    assert view.facts == facts
    assert (view.state, view.desired, view.suspect) == (LeaseState.LIVE, DesiredMode.ACTIVE, False)


def test_registering_twice_renews(world: World):
    world.leases.register(facts_of("w-1"))
    assert len(world.leases.live()) == 1


def test_a_renewal_carries_the_epoch_and_the_open_runs(world: World):
    answer = world.leases.renew("w-1", open_runs=4)
    assert answer is not None and answer.epoch == world.fence.epoch
    assert world.leases.live()[0].open_runs == 4


def test_a_lease_in_time_is_not_lost(world: World):
    world.age_lease("w-1", 14.0)
    assert world.leases.mark_lost(world.fence, ["w-1"]) == []
    assert len(world.leases.live()) == 1


def test_a_lease_past_its_seconds_and_margin_is_lost(world: World):
    world.age_lease("w-1", 15.5)
    assert world.leases.mark_lost(world.fence, ["w-1", "w-unknown"]) == ["w-1"]
    assert world.leases.live() == []


def test_a_lost_worker_can_neither_renew_nor_come_back_under_its_id(world: World):
    world.lose("w-1")
    assert world.leases.renew("w-1", open_runs=0) is None
    with pytest.raises(WorkerNotFound):
        world.leases.register(facts_of("w-1"))


def test_a_deposed_leader_cannot_declare_a_worker_lost(world: World):
    old = world.fence
    world.elect("w-2")
    world.age_lease("w-1", 100.0)
    with pytest.raises(StaleEpoch):
        world.leases.mark_lost(old, ["w-1"])
    assert len(world.leases.live()) == 1


def test_suspicion_comes_and_goes(world: World):
    world.leases.mark_suspect(world.fence, ["w-1"], suspect=True)
    assert world.leases.live()[0].suspect
    world.leases.mark_suspect(world.fence, ["w-1"], suspect=False)
    assert not world.leases.live()[0].suspect


def test_a_worker_that_left_is_not_live(world: World):
    world.leases.leave("w-1")
    assert world.leases.live() == []
    assert world.leases.renew("w-1", open_runs=0) is None


def test_an_acknowledged_revision_never_goes_back(world: World):
    world.leases.acknowledge_config("w-1", 7)
    world.leases.acknowledge_config("w-1", 3)
    assert world.value("SELECT config_revision FROM scheduler_worker_lease") == 7
