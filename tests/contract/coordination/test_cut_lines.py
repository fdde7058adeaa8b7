"""The fakes' own promise: one member's line can be cut, Redis taken away, and all of it mended."""

import pytest

from scheduler.domain.errors import RedisUnavailable
from scheduler.ports import Heartbeat
from scheduler.testing.redis import FakeBell, FakeLeaderLock, FakePresence, RedisLine, RedisState

BEAT = Heartbeat("w", "n", "a:1", "worker", 1, 0, 1, 0.0)


def calls(line: RedisLine):
    lock, presence = FakeLeaderLock(line), FakePresence(line)
    return [
        lambda: lock.acquire("a", 1),
        lambda: lock.replace("a", 1, 1),
        lambda: lock.renew("a", 1, 1),
        lambda: lock.release("a"),
        lock.view,
        lambda: lock.mirror_epoch(1),
        lock.mirrored_epoch,
        lambda: presence.beat(BEAT, 1),
        presence.all,
        lambda: presence.gone("w"),
    ]


@pytest.mark.parametrize("number", range(10))
def test_nothing_passes_a_cut_line_and_nothing_is_changed_behind_it(number):
    state = RedisState(now=lambda: 0.0)
    mine, other = RedisLine(state), RedisLine(state)
    FakeLeaderLock(other).replace("a", 1, 60)
    FakePresence(other).beat(BEAT, 60)
    mine.cut = True
    with pytest.raises(RedisUnavailable):
        calls(mine)[number]()
    assert FakeLeaderLock(other).view().beats == 0
    assert FakePresence(other).all() == [BEAT]


def test_a_redis_that_is_away_is_away_for_everybody_and_keeps_its_data():
    state = RedisState(now=lambda: 0.0)
    lock = FakeLeaderLock(RedisLine(state))
    lock.replace("a", 1, 60)
    state.away = True
    with pytest.raises(RedisUnavailable):
        lock.view()
    state.away = False
    assert lock.view().holder == "a"


def test_who_is_cut_off_hears_nothing_and_rings_nobody():
    state = RedisState(now=lambda: 0.0)
    mine, other = RedisLine(state), RedisLine(state)
    heard: list[str] = []
    FakeBell(mine).listen(["leader"], heard.append)
    mine.cut = True
    assert FakeBell(other).ring("leader")
    assert not FakeBell(mine).ring("leader")
    assert heard == ["leader"]


def test_listeners_are_rung_when_redis_was_wiped_as_after_a_new_subscription():
    state = RedisState(now=lambda: 0.0)
    heard: list[str] = []
    FakeBell(RedisLine(state)).listen(["leader"], heard.append)
    state.wipe()
    assert heard == ["leader", "leader"]
