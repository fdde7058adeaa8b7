"""The fake's own promise: a network that fails as told, the same way for the same seed."""

import random
from collections import Counter
from uuid import UUID

import pytest

from scheduler.domain.errors import PeerUnreachable
from scheduler.ports import Command
from scheduler.testing.link import FakeWorkerLink, Fate, Faults, Network
from scheduler.testing.service import RecordingWorkerService

COMMAND = Command(42, UUID(int=7), "w-leader")
HERE, THERE = "a:1", "b:1"


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> RecordingWorkerService:
    return RecordingWorkerService()


@pytest.fixture
def network(clock: Clock, service: RecordingWorkerService) -> Network:
    network = Network(random.Random(1), clock)
    network.serve(HERE, service)
    return network


def test_a_lost_request_never_reaches_the_worker(network, service):
    network.faults = Faults(request_lost=1.0)
    with pytest.raises(PeerUnreachable):
        FakeWorkerLink(network, "leader").ping(HERE, COMMAND, 1)
    assert service.echoes == []


def test_a_lost_reply_leaves_the_deed_done(network, service):
    network.faults = Faults(reply_lost=1.0)
    with pytest.raises(PeerUnreachable):
        FakeWorkerLink(network, "leader").ping(HERE, COMMAND, 1)
    assert service.echoes == [1]


def test_a_doubled_request_is_carried_out_twice_and_answered_once(network, service):
    network.faults = Faults(doubled=1.0)
    assert FakeWorkerLink(network, "leader").ping(HERE, COMMAND, 1).nonce == 2
    assert service.echoes == [1, 1]


def test_a_late_request_arrives_after_the_leader_gave_up(network, service, clock):
    network.faults = Faults(late=1.0, late_seconds_max=10.0)
    with pytest.raises(PeerUnreachable):
        FakeWorkerLink(network, "leader").ping(HERE, COMMAND, 1)
    due_at = network.next_delivery()
    assert due_at is not None and 0 < due_at <= 10
    assert network.deliver() == 0 and service.echoes == []
    clock.seconds = due_at
    assert network.deliver() == 1 and service.echoes == [1]
    assert network.next_delivery() is None


def test_a_late_command_of_a_deposed_leader_is_refused_where_it_arrives(network, service, clock):
    network.faults = Faults(late=1.0)
    with pytest.raises(PeerUnreachable):
        FakeWorkerLink(network, "old").drain(HERE, COMMAND, drain=True)
    service.newest_epoch = 43
    clock.seconds = 60
    assert network.deliver() == 1
    assert not service.draining


def test_a_late_request_to_a_dead_worker_is_gone(network, clock):
    network.faults = Faults(late=1.0)
    with pytest.raises(PeerUnreachable):
        FakeWorkerLink(network, "leader").ping(HERE, COMMAND, 1)
    network.stop_serving(HERE)
    clock.seconds = 60
    assert network.deliver() == 0


def test_one_line_is_cut_and_the_others_stand(network, service):
    network.serve(THERE, RecordingWorkerService("w-2"))
    leader, other = FakeWorkerLink(network, "leader"), FakeWorkerLink(network, "other")
    network.cut("leader", HERE)
    with pytest.raises(PeerUnreachable) as caught:
        leader.ping(HERE, COMMAND, 0)
    assert not caught.value.refused
    assert leader.ping(THERE, COMMAND, 0).worker_id == "w-2"
    assert other.ping(HERE, COMMAND, 0).worker_id == "w-1"
    network.mend("leader", HERE)
    assert leader.ping(HERE, COMMAND, 0).worker_id == "w-1"


@pytest.mark.parametrize(
    ("harm", "refused"),
    [
        (lambda network: network.stop_serving(HERE), True),
        (lambda network: network.silence(HERE), False),
        (lambda network: network.cut("leader", HERE), False),
    ],
    ids=["killed", "stopped", "cut off"],
)
def test_death_refuses_and_silence_does_not(network, harm, refused):
    link = FakeWorkerLink(network, "leader")
    harm(network)
    with pytest.raises(PeerUnreachable) as caught:
        link.ping(HERE, COMMAND, 0)
    assert caught.value.refused is refused
    assert link.is_refusing(HERE) is refused


def a_story(seed: int) -> list[tuple[float, str, str, str, Fate]]:
    network = Network(random.Random(seed), lambda: 0.0)
    network.faults = Faults(request_lost=0.2, reply_lost=0.2, doubled=0.2, late=0.2)
    network.serve(HERE, RecordingWorkerService())
    link = FakeWorkerLink(network, "leader")
    for nonce in range(500):
        try:
            link.ping(HERE, COMMAND, nonce)
        except PeerUnreachable:
            continue
    return network.story


def test_the_same_seed_tells_the_same_story_and_another_another():
    assert a_story(1) == a_story(1)
    assert a_story(1) != a_story(2)


def test_faults_come_as_often_as_asked():
    counted = Counter(fate for *_, fate in a_story(3))
    assert set(counted) == set(Fate) - {Fate.DELIVERED}
    assert all(60 <= number <= 140 for number in counted.values())
