"""A caller's bucket: a minute's worth at once, then as fast as it fills."""

import pytest

from scheduler.domain.rates import Bucket, take


def test_a_minutes_worth_may_come_at_once_and_no_more():
    bucket, wait = take(None, 60, 60, now=100.0)
    assert wait == 0.0
    bucket, wait = take(bucket, 1, 60, now=100.0)
    assert wait == pytest.approx(1.0)


def test_it_fills_steadily_up_to_a_minutes_worth():
    bucket, _ = take(None, 60, 60, now=100.0)
    assert take(bucket, 30, 60, now=129.9)[1] == pytest.approx(0.1)
    assert take(bucket, 30, 60, now=130.0)[1] == 0.0
    assert take(bucket, 60, 60, now=1e9)[1] == 0.0


def test_a_refusal_takes_nothing():
    bucket, _ = take(None, 50, 60, now=0.0)
    refused, wait = take(bucket, 20, 60, now=0.0)
    assert wait == pytest.approx(10.0)
    assert take(refused, 10, 60, now=0.0)[1] == 0.0


def test_more_than_a_minutes_worth_waits_for_a_full_bucket():
    bucket, wait = take(None, 500, 60, now=0.0)
    assert wait == 0.0
    assert take(bucket, 500, 60, now=0.0)[1] == pytest.approx(60.0)


def test_a_clock_that_goes_back_gives_nothing():
    assert take(Bucket(0.0, 100.0), 1, 60, now=50.0)[1] == pytest.approx(1.0)
