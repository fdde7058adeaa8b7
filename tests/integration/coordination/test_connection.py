"""Every form of SCHEDULER_REDIS_URL, and what is said when Redis is away."""

import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from scheduler.coordination.bell import RedisBell
from scheduler.coordination.connection import RedisConnection
from scheduler.coordination.locks import RedisLeaderLock
from scheduler.coordination.presence import RedisPresence
from scheduler.domain.errors import InvalidSetting, RedisUnavailable
from scheduler.ports import Heartbeat
from scheduler_demo.services import EmbeddedValkey
from tests.integration.coordination.conftest import free_ports


@pytest.mark.valkey
def test_a_unix_socket_is_reached(valkey):
    assert valkey.url.startswith("unix://")
    assert RedisConnection(valkey.url).ping() < 1


@pytest.mark.valkey
def test_a_port_and_a_database_are_reached(folder: Path):
    with EmbeddedValkey(folder / "valkey", port=0) as server:
        first, second = RedisConnection(server.url), RedisConnection(server.url[:-1] + "1")
        RedisLeaderLock(first).mirror_epoch(5)
        assert RedisLeaderLock(second).mirrored_epoch() == 0
        assert RedisLeaderLock(first).mirrored_epoch() == 5
        first.close()
        second.close()


@pytest.mark.valkey
def test_clusters_with_other_prefixes_do_not_meet(valkey):
    connection = RedisConnection(valkey.url)
    one, other = RedisLeaderLock(connection, "one"), RedisLeaderLock(connection, "other")
    assert one.acquire("a", 60) and other.acquire("b", 60)
    connection.close()


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("redis://user:hunter2@h:6380/3?socket_timeout=9", "redis://h:6380/3"),
        ("redis://:hunter2@h", "redis://h:6379"),
        ("rediss://h/0?ssl_ca_certs=/ca.crt&password=hunter2", "rediss://h:6379/0"),
        ("unix:///run/redis.sock?db=2&password=hunter2", "unix:///run/redis.sock"),
        ("redis+sentinel://:hunter2@a,b:26380/m/1", "redis+sentinel://a:26379,b:26380/m"),
        ("rediss+sentinel://u:hunter2@[::1]:5/m", "rediss+sentinel://::1:5/m"),
        ("redis+sentinel://a/m?sentinel_password=hunter2", "redis+sentinel://a:26379/m"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, where):
    assert RedisConnection(url).where == where


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://hunter2@a/m", {"password": "hunter2", "username": None, "db": 0}),
        ("redis+sentinel://:p%40ss@a/m/3", {"password": "p@ss", "db": 3}),
        ("redis+sentinel://u:p@a/m", {"username": "u", "password": "p"}),
        ("redis+sentinel://a/m?socket_timeout=7", {"socket_timeout": 7.0}),
    ],
)
def test_a_sentinel_url_carries_the_credentials_of_the_master(url, expected):
    kwargs = RedisConnection(url).client.connection_pool.connection_kwargs
    found = {name: kwargs.get(name, 0 if name == "db" else None) for name in expected}
    assert found == expected


def test_sentinels_may_have_a_password_of_their_own():
    url = "redis+sentinel://:master@a/m?sentinel_password=theirs&sentinel_username=watch"
    pool: Any = RedisConnection(url).client.connection_pool
    (sentinel,) = pool.sentinel_manager.sentinels
    kwargs = sentinel.connection_pool.connection_kwargs
    assert (kwargs["username"], kwargs["password"]) == ("watch", "theirs")
    assert pool.connection_kwargs["password"] == "master"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "http://:hunter2@h",
        "redis://:hunter2@h:port/0",
        "redis://:hunter2@h/0?socket_timeout=x",
        "redis+sentinel://:hunter2@/m",
        "redis+sentinel://:hunter2@a",
        "redis+sentinel://:hunter2@a:x/m",
        "redis+sentinel://:hunter2@a/m/x",
    ],
)
def test_what_is_no_redis_url_is_refused_without_repeating_it(url):
    with pytest.raises(InvalidSetting) as caught:
        RedisConnection(url)
    sentence = str(caught.value)
    assert "SCHEDULER_REDIS_URL" in sentence and "redis+sentinel://" in sentence
    assert "hunter2" not in sentence.replace("user:password", "")


def every_call(connection: RedisConnection):
    lock, presence = RedisLeaderLock(connection), RedisPresence(connection)
    beat = Heartbeat("w", "n", "a:1", "worker", 1, 0, 1, 0.0)
    return {
        "ping": connection.ping,
        "acquire": lambda: lock.acquire("a", 1),
        "replace": lambda: lock.replace("a", 1, 1),
        "renew": lambda: lock.renew("a", 1, 1),
        "release": lambda: lock.release("a"),
        "view": lock.view,
        "mirror_epoch": lambda: lock.mirror_epoch(1),
        "mirrored_epoch": lock.mirrored_epoch,
        "beat": lambda: presence.beat(beat, 1),
        "all": presence.all,
        "gone": lambda: presence.gone("w"),
    }


CALLS = sorted(every_call(RedisConnection("redis://h")))


@pytest.mark.parametrize("call", CALLS)
def test_every_call_says_redis_is_unavailable_when_nobody_listens(call):
    (port,) = free_ports(1)
    connection = RedisConnection(f"redis://:hunter2@127.0.0.1:{port}/0")
    began = time.monotonic()
    with pytest.raises(RedisUnavailable) as caught:
        every_call(connection)[call]()
    assert time.monotonic() - began < 1
    assert f"redis://127.0.0.1:{port}/0" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("call", ["ping", "renew"])
def test_a_redis_that_accepts_but_never_answers_costs_no_more_than_the_limit(call):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        connection = RedisConnection(f"redis://127.0.0.1:{port}/0", answer_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(RedisUnavailable):
            every_call(connection)[call]()
        assert time.monotonic() - began < 1.5
        connection.close()


def test_an_unknown_host_is_unavailable():
    with pytest.raises(RedisUnavailable):
        RedisConnection("redis://no-such-host.invalid/0").ping()


def test_missing_sentinels_are_unavailable():
    first, second = free_ports(2)
    url = f"redis+sentinel://:hunter2@127.0.0.1:{first},127.0.0.1:{second}/m"
    with pytest.raises(RedisUnavailable) as caught:
        RedisConnection(url).ping()
    assert "hunter2" not in str(caught.value)


@pytest.mark.valkey
def test_a_wrong_password_is_said_without_repeating_it(own_valkey: EmbeddedValkey):
    admin = RedisConnection(own_valkey.url)
    admin.client.config_set("requirepass", "right")
    with pytest.raises(RedisUnavailable) as caught:
        RedisConnection(f"{own_valkey.url}?password=hunter2").ping()
    assert "password" in str(caught.value) and "hunter2" not in str(caught.value)
    RedisConnection(f"{own_valkey.url}?password=right").ping()


@pytest.mark.valkey
def test_a_key_of_another_program_is_said_to_be_in_the_way(valkey):
    connection = RedisConnection(valkey.url)
    connection.client.hset("scheduler:leader:lock", "not", "ours")
    with pytest.raises(RedisUnavailable) as caught:
        RedisLeaderLock(connection).view()
    assert "WRONGTYPE" in str(caught.value)
    connection.close()


@pytest.mark.valkey
def test_heartbeats_of_other_versions_disturb_nobody(valkey):
    connection = RedisConnection(valkey.url)
    presence = RedisPresence(connection)
    beat = Heartbeat("w-1", "n", "a:1", "worker", 1, 0, 1, 0.0)
    presence.beat(beat, 60)
    for name, text in [("old", '{"worker_id": "old"}'), ("bad", "{"), ("list", "[]")]:
        connection.client.set(f"scheduler:worker:{name}", text)
        connection.client.sadd("scheduler:workers", name)
    assert presence.all() == [beat]
    connection.close()


class TestThroughRestarts:
    """A Redis that goes and comes back, empty."""

    pytestmark = pytest.mark.valkey

    def test_the_lock_works_again_after_a_restart(self, own_valkey: EmbeddedValkey):
        connection = RedisConnection(own_valkey.url)
        lock = RedisLeaderLock(connection)
        lock.replace("a", 42, 60)
        own_valkey.kill()
        with pytest.raises(RedisUnavailable):
            lock.renew("a", 42, 60)
        own_valkey.restart_empty()
        assert lock.renew("a", 42, 60)
        assert lock.view().holder == "a"
        connection.close()

    def test_an_idle_connection_that_died_costs_no_error(self, own_valkey: EmbeddedValkey):
        connection = RedisConnection(own_valkey.url)
        connection.ping()
        own_valkey.restart_empty()
        connection.ping()
        connection.close()

    def test_a_listener_hears_again_and_makes_up_for_what_it_missed(
        self, own_valkey: EmbeddedValkey
    ):
        heard: list[str] = []
        rang = threading.Semaphore(0)

        def hear(topic: str) -> None:
            heard.append(topic)
            rang.release()

        bell = RedisBell(RedisConnection(own_valkey.url))
        listening = bell.listen(["leader"], hear)
        assert rang.acquire(timeout=5)
        own_valkey.restart_empty()
        assert rang.acquire(timeout=5), "no ring after subscribing again"
        assert RedisBell(RedisConnection(own_valkey.url)).ring("leader")
        assert rang.acquire(timeout=5), "deaf after the restart"
        listening.close()
        assert heard == ["leader"] * 3

    def test_a_bell_without_redis_rings_not_and_raises_not(self, own_valkey: EmbeddedValkey):
        bell = RedisBell(RedisConnection(own_valkey.url))
        own_valkey.kill()
        assert not bell.ring("leader")

    def test_a_bell_that_met_silence_is_mute_at_once_for_a_while(self, own_valkey: EmbeddedValkey):
        bell = RedisBell(RedisConnection(own_valkey.url, answer_seconds=0.3))
        assert bell.ring("leader")
        own_valkey.suspend()
        assert not bell.ring("leader")
        began = time.monotonic()
        assert not bell.ring("leader")
        assert time.monotonic() - began < 0.1
        own_valkey.resume()

    def test_a_listener_that_fails_goes_on_hearing(self, own_valkey: EmbeddedValkey):
        rang = threading.Semaphore(0)

        def fail(topic: str) -> None:
            rang.release()
            raise RuntimeError("a bug")

        bell = RedisBell(RedisConnection(own_valkey.url))
        listening = bell.listen(["leader"], fail)
        assert rang.acquire(timeout=5)
        bell.ring("leader")
        assert rang.acquire(timeout=5)
        listening.close()

    def test_listening_may_begin_while_redis_is_away(self, own_valkey: EmbeddedValkey):
        own_valkey.kill()
        rang = threading.Event()
        listening = RedisBell(RedisConnection(own_valkey.url)).listen(
            ["leader"], lambda topic: rang.set()
        )
        assert not rang.is_set()
        own_valkey.start()
        assert rang.wait(5)
        listening.close()
