"""What every Presence promises."""

from dataclasses import replace

from scheduler.ports import Heartbeat

ONE = Heartbeat("w-1", "node-a", "10.0.0.1:50051", "leader", 42, 3, 8, 0.5)
TWO = replace(ONE, worker_id="w-2", role="worker")


def test_who_beats_is_seen_as_it_said(redis):
    redis.presence.beat(TWO, 60)
    redis.presence.beat(ONE, 60)
    assert redis.presence.all() == [ONE, TWO]


def test_nobody_is_seen_at_first(redis):
    assert redis.presence.all() == []


def test_the_last_beat_counts(redis):
    redis.presence.beat(ONE, 60)
    newer = replace(ONE, open_runs=7)
    redis.presence.beat(newer, 60)
    assert redis.presence.all() == [newer]


def test_who_stops_beating_is_no_longer_seen(redis):
    redis.presence.beat(ONE, 0.05)
    redis.presence.beat(TWO, 60)
    redis.eventually(lambda: redis.presence.all() == [TWO])


def test_who_came_back_is_seen_again(redis):
    redis.presence.beat(ONE, 0.05)
    redis.eventually(lambda: redis.presence.all() == [])
    redis.presence.beat(ONE, 60)
    assert redis.presence.all() == [ONE]


def test_who_leaves_is_gone_at_once(redis):
    redis.presence.beat(ONE, 60)
    redis.presence.gone("w-1")
    redis.presence.gone("w-1")
    assert redis.presence.all() == []


def test_after_a_wipe_only_the_next_beats_are_seen(redis):
    redis.presence.beat(ONE, 60)
    redis.presence.beat(TWO, 60)
    redis.wipe()
    redis.presence.beat(TWO, 60)
    assert redis.presence.all() == [TWO]
