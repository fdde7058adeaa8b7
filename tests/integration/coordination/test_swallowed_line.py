"""A connection to Redis that the network swallows without a word is noticed and replaced."""

import threading
import time

import pytest

from scheduler.coordination.bell import RedisBell
from scheduler.coordination.connection import RedisConnection
from scheduler.domain.errors import RedisUnavailable
from tests.integration.coordination.conftest import eventually
from tests.integration.swallowing_proxy import SwallowingProxy

pytestmark = pytest.mark.valkey


@pytest.fixture
def proxy(valkey):
    proxy = SwallowingProxy(valkey.url.removeprefix("unix://"))
    yield proxy
    proxy.close()


def test_a_question_costs_one_time_limit_and_the_next_is_answered(proxy):
    connection = RedisConnection(f"redis://127.0.0.1:{proxy.port}/0", answer_seconds=0.3)
    connection.ping()
    proxy.swallow()
    began = time.monotonic()
    with pytest.raises(RedisUnavailable):
        connection.ping()
    assert time.monotonic() - began < 1
    connection.ping()
    connection.close()


@pytest.mark.slow
def test_a_listener_notices_and_subscribes_again(proxy, valkey):
    rang = threading.Semaphore(0)
    connection = RedisConnection(f"redis://127.0.0.1:{proxy.port}/0")
    listening = RedisBell(connection).listen(["leader"], lambda topic: rang.release())
    assert rang.acquire(timeout=5)
    eventually(lambda: proxy.accepted == 1)
    proxy.swallow()
    began = time.monotonic()
    assert rang.acquire(timeout=15), "the listener stayed deaf"
    print(f"heard again after {time.monotonic() - began:.1f} s")
    assert RedisBell(RedisConnection(valkey.url)).ring("leader")
    assert rang.acquire(timeout=5)
    listening.close()
    connection.close()
