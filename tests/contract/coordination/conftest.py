"""Each test of this folder runs on the fakes and on a real Valkey."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from scheduler.coordination.bell import RedisBell
from scheduler.coordination.connection import RedisConnection
from scheduler.coordination.locks import RedisLeaderLock
from scheduler.coordination.presence import RedisPresence
from scheduler.ports import Bell, LeaderLock, Presence
from scheduler.testing.redis import FakeBell, FakeLeaderLock, FakePresence, RedisLine, RedisState


@dataclass
class Redis:
    """One Redis as two members of a cluster meet it."""

    lock: LeaderLock
    presence: Presence
    bell: Bell
    wipe: Callable[[], None]
    pass_moment: Callable[[], None]
    """A little time: of the fake clock, or real."""

    def eventually(self, holds: Callable[[], bool], within_seconds: float = 5.0) -> None:
        deadline = time.monotonic() + within_seconds
        while not holds():
            assert time.monotonic() < deadline, "did not come true in time"
            self.pass_moment()


@pytest.fixture(params=["fake", pytest.param("valkey", marks=pytest.mark.valkey)])
def redis(request: pytest.FixtureRequest) -> Iterator[Redis]:
    if request.param == "fake":
        yield _fake()
        return
    connection = RedisConnection(request.getfixturevalue("valkey").url)
    yield Redis(
        RedisLeaderLock(connection),
        RedisPresence(connection),
        RedisBell(connection),
        wipe=lambda: _flush(connection),
        pass_moment=lambda: time.sleep(0.01),
    )
    connection.close()


def _flush(connection: RedisConnection) -> None:
    connection.client.flushall()
    connection.client.script_flush()


def _fake() -> Redis:
    clock = [0.0]

    def pass_moment() -> None:
        clock[0] += 0.01

    state = RedisState(now=lambda: clock[0])
    line = RedisLine(state)
    return Redis(FakeLeaderLock(line), FakePresence(line), FakeBell(line), state.wipe, pass_moment)
