"""Whom the cluster waits for after a fail-over, and for how long."""

import pytest

from scheduler.domain.replaying import awaited, given_up, settled_at
from scheduler.domain.values import LeaseState
from tests.unit.domain.builders import worker_view as worker


def test_every_live_worker_that_is_behind_is_awaited():
    workers = [
        worker("w-1", replayed_timeline=2),
        worker("w-2", replayed_timeline=1),
        worker("w-3", replayed_timeline=1, state=LeaseState.LOST),
        worker("w-4", replayed_timeline=3),
    ]
    assert awaited(workers, 2) == ["w-2", "w-4"]


def test_nobody_waits_for_a_worker_that_keeps_no_journal():
    assert awaited([worker("w-1", replayed_timeline=0)], 2) == []


def test_where_nothing_fails_over_nobody_is_awaited():
    assert awaited([worker("w-1", replayed_timeline=0)], 0) == []


def test_only_a_worker_that_is_behind_and_silent_for_its_whole_lease_is_given_up():
    silent = 13.1
    workers = [
        worker("w-1", replayed_timeline=1, renewed_age_seconds=silent),
        worker("w-2", replayed_timeline=1, renewed_age_seconds=12.9),
        worker("w-3", replayed_timeline=2, renewed_age_seconds=silent),
    ]
    assert given_up(workers, 2) == {"w-1"}


@pytest.mark.parametrize(("failed_over_at", "until"), [(None, 0.0), (100.0, 103.0)])
def test_a_fail_over_is_given_three_heartbeats_to_settle(failed_over_at, until):
    assert settled_at(failed_over_at, 1.0) == until
