"""The master found by Sentinel, and found again after a fail-over."""

import threading
import time

import pytest

from scheduler.coordination.bell import RedisBell
from scheduler.coordination.connection import RedisConnection
from scheduler.coordination.locks import RedisLeaderLock
from scheduler.domain.errors import RedisUnavailable
from tests.integration.coordination.conftest import SentinelSetup, eventually

pytestmark = [pytest.mark.valkey, pytest.mark.slow]


def test_the_lock_follows_the_master_through_a_failover(sentinel: SentinelSetup):
    connection = RedisConnection(sentinel.url())
    lock = RedisLeaderLock(connection)
    lock.mirror_epoch(42)
    assert lock.replace("a", 42, 60)
    assert connection.client.wait(2, 800) == 2
    rang = threading.Semaphore(0)
    bell = RedisBell(connection)
    listening = bell.listen(["leader"], lambda topic: rang.release())
    assert rang.acquire(timeout=5)

    with pytest.raises(RedisUnavailable, match="nosuch"):
        RedisConnection(sentinel.url().replace("/mymaster/", "/nosuch/")).ping()
    killed = sentinel.kill_master()
    began = time.monotonic()
    with pytest.raises(RedisUnavailable) as caught:
        lock.renew("a", 42, 60)
    assert not sentinel.password or sentinel.password not in str(caught.value)

    def renews() -> bool:
        try:
            return lock.renew("a", 42, 60)
        except RedisUnavailable:
            return False

    eventually(renews, 20)
    print(f"writes again after {time.monotonic() - began:.1f} s")
    assert lock.view().holder == "a" and lock.mirrored_epoch() == 42
    assert sentinel.master_port() != killed
    assert rang.acquire(timeout=10), "the listener did not find the new master"
    listening.close()
    connection.close()
