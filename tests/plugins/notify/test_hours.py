"""When a route is open, in the zone and the calendar it names."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from scheduler_notify.hours import Hours, is_open, opens_at


class Holidays:
    """All days are worked but these."""

    def __init__(self, *off: date) -> None:
        self.off = off

    def is_business_day(self, day: date) -> bool:
        return day not in self.off


class Never:
    def is_business_day(self, day: date) -> bool:
        return False


def hours(**changes: Any) -> Hours:
    made = {"from": "09:00", "to": "18:00", "timezone": "Asia/Tokyo", **changes}
    return Hours.model_validate(made)


def tokyo(day: int, hour: int, minute: int = 0) -> datetime:
    """March 2026; the 2nd is a Monday."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) - timedelta(hours=9)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (tokyo(2, 8, 59), False),
        (tokyo(2, 9), True),
        (tokyo(2, 17, 59), True),
        (tokyo(2, 18), False),
    ],
)
def test_the_beginning_belongs_to_the_hours_and_the_end_does_not(at, expected):
    assert is_open(hours(), None, at) is expected


def test_hours_over_midnight_belong_to_the_day_they_begin_on():
    night = hours(**{"from": "22:00", "to": "06:00", "weekdays": ["fri"]})
    assert is_open(night, None, tokyo(6, 23))
    assert is_open(night, None, tokyo(7, 5))
    assert not is_open(night, None, tokyo(6, 5))
    assert not is_open(night, None, tokyo(7, 23))


def test_equal_ends_are_a_whole_day():
    day = hours(**{"from": "09:00", "to": "09:00", "weekdays": ["mon"]})
    assert is_open(day, None, tokyo(3, 8, 59))
    assert not is_open(day, None, tokyo(3, 9))


def test_days_off_of_the_calendar_are_closed():
    monday_off = Holidays(date(2026, 3, 2))
    assert not is_open(hours(), monday_off, tokyo(2, 12))
    assert opens_at(hours(), monday_off, tokyo(2, 12)) == tokyo(3, 9)


def test_open_hours_open_now_and_closed_ones_at_their_next_beginning():
    assert opens_at(hours(), None, tokyo(2, 12)) == tokyo(2, 12)
    assert opens_at(hours(), None, tokyo(2, 3)) == tokyo(2, 9)
    weekdays = hours(weekdays=["mon", "tue", "wed", "thu", "fri"])
    assert opens_at(weekdays, None, tokyo(6, 19)) == tokyo(9, 9)


def test_hours_that_never_come_have_no_opening():
    assert opens_at(hours(), Never(), tokyo(2, 12)) is None


def test_without_hours_it_is_always_open():
    assert is_open(None, Never(), tokyo(1, 3))
    assert opens_at(None, Never(), tokyo(1, 3)) == tokyo(1, 3)


def test_hours_follow_the_clocks_of_their_zone_through_a_change():
    berlin = hours(**{"from": "09:00", "to": "10:00", "timezone": "Europe/Berlin"})
    assert is_open(berlin, None, datetime(2026, 3, 28, 8, 30, tzinfo=UTC))
    assert is_open(berlin, None, datetime(2026, 3, 29, 7, 30, tzinfo=UTC))
    assert not is_open(berlin, None, datetime(2026, 3, 29, 8, 30, tzinfo=UTC))
