"""Which slots a backfill has, and how many of them may be under way."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from scheduler.domain.backfilling import (
    InvalidBackfill,
    check_bounds,
    missing,
    places,
    slot_key,
    slots_in,
)
from scheduler.domain.schedules import parse_schedule

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOURLY = parse_schedule({"kind": "hourly", "minute": 0})


def hours(count: int) -> timedelta:
    return timedelta(hours=count)


def test_the_start_is_included_and_the_end_is_not():
    slots = slots_in(HOURLY, NOW - hours(3), NOW, 10)
    assert slots == [NOW - hours(3), NOW - hours(2), NOW - hours(1)]


def test_more_slots_than_the_limit_are_refused_not_cut():
    assert len(slots_in(HOURLY, NOW - hours(3), NOW, 3)) == 3
    with pytest.raises(InvalidBackfill, match="more slots than the limit of 2"):
        slots_in(HOURLY, NOW - hours(3), NOW, 2)


@pytest.mark.parametrize(
    ("since", "until", "limit", "pace", "field"),
    [
        (0, 0, 1, 1, "until"),
        (-1, -2, 1, 1, "until"),
        (-1, 1, 1, 1, "until"),
        (-1, 0, 0, 1, "limit"),
        (-1, 0, 10_001, 1, "limit"),
        (-1, 0, 1, 0, "pace"),
        (-1, 0, 1, 101, "pace"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(since, until, limit, pace, field):
    with pytest.raises(InvalidBackfill) as caught:
        check_bounds(NOW + hours(since), NOW + hours(until), NOW, limit=limit, pace=pace)
    assert caught.value.field == field


def test_a_range_up_to_now_is_taken():
    check_bounds(NOW - hours(1), NOW, NOW, limit=10_000, pace=100)


def test_covered_slots_are_left_out():
    slots = [NOW, NOW + hours(1)]
    assert missing(slots, {NOW}) == [NOW + hours(1)]


@pytest.mark.parametrize(
    ("policy", "under_way", "room"),
    [("allow", 0, 3), ("allow", 2, 1), ("allow", 4, 0), ("forbid", 0, 1), ("replace", 1, 0)],
)
def test_a_job_that_runs_one_at_a_time_gets_one_slot_at_a_time(policy, under_way, room):
    assert places(3, policy, under_way) == room


def test_a_slot_has_one_key_in_each_backfill():
    backfill = UUID(int=7)
    tokyo = NOW.astimezone()
    assert slot_key(backfill, NOW) == slot_key(backfill, tokyo)
    assert slot_key(backfill, NOW) == f"b:{backfill}:2026-11-23T06:00:00Z"
