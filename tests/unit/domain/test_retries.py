"""Back-off, jitter, and what follows the loss of a worker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.retries import OrphanDecision, after_orphan, next_delay
from scheduler.domain.values import RetryPolicy

MIDDLE = 0.5
"""The random number that leaves a delay as it is."""


def test_a_job_without_retries_is_not_retried():
    assert next_delay(RetryPolicy(max_attempts=1), 1, MIDDLE) is None


def test_the_delay_doubles_with_each_failure():
    policy = RetryPolicy(max_attempts=5, backoff_seconds=10, backoff_factor=2)
    assert [next_delay(policy, n, MIDDLE) for n in (1, 2, 3, 4)] == [10, 20, 40, 80]


def test_the_last_attempt_is_not_followed_by_another():
    policy = RetryPolicy(max_attempts=3)
    assert next_delay(policy, 2, MIDDLE) is not None
    assert next_delay(policy, 3, MIDDLE) is None


def test_the_delay_stops_growing_at_its_maximum():
    policy = RetryPolicy(max_attempts=100, backoff_seconds=10, backoff_max_seconds=60)
    assert next_delay(policy, 50, MIDDLE) == 60


def test_a_delay_too_large_for_a_number_is_the_maximum():
    policy = RetryPolicy(max_attempts=10**6, backoff_factor=10.0, backoff_max_seconds=600)
    assert next_delay(policy, 10**5, MIDDLE) == 600


def test_jitter_spreads_the_delay_to_both_sides():
    policy = RetryPolicy(max_attempts=2, backoff_seconds=100, jitter=0.1)
    assert next_delay(policy, 1, 0.0) == pytest.approx(90)
    assert next_delay(policy, 1, 1.0) == pytest.approx(110)


def test_orphaned_attempts_are_not_held_against_the_job():
    policy = RetryPolicy(max_attempts=2, backoff_seconds=10)
    assert next_delay(policy, 3, MIDDLE) is None
    assert next_delay(policy, 3, MIDDLE, orphan_count=2) == 10


@given(
    attempt=st.integers(1, 50),
    unit_random=st.floats(0, 1, exclude_max=True),
    backoff=st.floats(0, 3600),
    factor=st.floats(1, 10),
    jitter=st.floats(0, 1),
)
def test_a_delay_is_never_negative_nor_beyond_the_jittered_maximum(
    attempt, unit_random, backoff, factor, jitter
):
    policy = RetryPolicy(60, backoff, factor, 600.0, jitter)
    delay = next_delay(policy, attempt, unit_random)
    assert delay is not None
    assert 0 <= delay <= 600 * (1 + jitter)


def test_an_orphan_is_retried_at_once_even_without_retries_of_failures():
    assert after_orphan(RetryPolicy(max_attempts=1), 1) == OrphanDecision(0.0, quarantine=False)


def test_a_job_that_loses_its_worker_twice_is_quarantined():
    assert after_orphan(RetryPolicy(max_orphans=2), 2) == OrphanDecision(None, quarantine=True)


def test_an_orphan_is_left_alone_where_the_policy_says_so():
    policy = RetryPolicy(retry_on_orphan=False)
    assert after_orphan(policy, 1) == OrphanDecision(None, quarantine=False)


def test_a_job_that_is_not_retried_is_still_quarantined():
    policy = RetryPolicy(retry_on_orphan=False, max_orphans=1)
    assert after_orphan(policy, 1).quarantine
