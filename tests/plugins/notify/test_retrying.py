"""When a notice is sent again, and until when."""

from datetime import timedelta

import pytest

from scheduler_notify.retrying import delay_seconds, is_given_up, pause_seconds
from tests.plugins.notify.builders import NOON


def test_waits_double_up_to_a_quarter_of_an_hour():
    waits = [delay_seconds(attempt, 0.5) for attempt in range(1, 12)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 900
    assert delay_seconds(10_000, 0.5) == 900


def test_chance_varies_a_wait_by_a_fifth():
    assert [delay_seconds(1, chance) for chance in (0.0, 1.0)] == pytest.approx([4, 6])


def test_the_receivers_wish_is_met_up_to_an_hour():
    assert delay_seconds(1, 0.5, 120) == 120
    assert delay_seconds(1, 0.5, 1) == 5
    assert delay_seconds(1, 0.5, 1e9) == 3600


def test_a_channel_pauses_for_a_minute_at_most_however_long_its_receiver_is_gone():
    assert [pause_seconds(n, 5) for n in (1, 2, 6, 2000)] == [2, 4, 60, 60]


def test_a_channel_pauses_as_long_as_its_receiver_asks_for():
    assert pause_seconds(1, delay=300, asked_seconds=300) == 300
    assert pause_seconds(1, delay=3600, asked_seconds=1e9) == 3600


def test_a_notice_is_given_up_when_its_time_is_over():
    assert not is_given_up(NOON, NOON + timedelta(seconds=59), 60)
    assert is_given_up(NOON, NOON + timedelta(seconds=60), 60)
