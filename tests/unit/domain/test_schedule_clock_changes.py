"""One rule for the days on which the clock is changed: Debian cron's, for every form.

The clocks in these tests (wall times; 2026):

- America/New_York: 8 March 02:00 -> 03:00; 1 November 02:00 -> 01:00.
- Australia/Lord_Howe, by 30 minutes: 5 April 02:00 -> 01:30; 4 October 02:00 -> 02:30.
- Asia/Tokyo never changes.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.schedules import parse_schedule

NEW_YORK, LORD_HOWE, TOKYO = "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"
DAY = timedelta(days=1)


def cron(expression):
    return {"kind": "cron", "expression": expression}


def clock(spec, zone, day):
    """What the clock on the wall shows (with its UTC offset) at each slot of a day."""
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    schedule = parse_schedule(spec, zone)
    found = schedule.between(start - timedelta(seconds=1), start + DAY - timedelta(seconds=1), 9999)
    return [slot.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S%z") for slot in found]


FIXED_AT_0230 = [
    {"kind": "daily", "at": "02:30"},
    {"kind": "weekdays", "at": "02:30", "days": ["sun"]},
    {"kind": "weekly", "at": "02:30", "day": "sun"},
    {"kind": "monthly", "at": "02:30", "day": 8},
    cron("30 2 * * *"),
    cron("0 30 2 * * *"),
    {"kind": "once", "at": "2026-03-08T02:30"},
]


@pytest.mark.parametrize("spec", FIXED_AT_0230, ids=str)
def test_new_york_spring_a_fixed_time_in_the_gap_runs_right_after_it(spec):
    assert clock(spec, NEW_YORK, "2026-03-08") == ["03:00:00-0400"]


FIXED_AT_0130 = [
    {"kind": "daily", "at": "01:30"},
    {"kind": "weekdays", "at": "01:30", "days": ["sun"]},
    {"kind": "weekly", "at": "01:30", "day": "sun"},
    {"kind": "monthly", "at": "01:30", "day": 1},
    cron("30 1 * * *"),
    cron("0 30 1 * * *"),
    {"kind": "once", "at": "2026-11-01T01:30"},
]


@pytest.mark.parametrize("spec", FIXED_AT_0130, ids=str)
def test_new_york_autumn_a_fixed_time_shown_twice_runs_the_first_time(spec):
    assert clock(spec, NEW_YORK, "2026-11-01") == ["01:30:00-0400"]


def test_new_york_spring_two_fixed_times_in_one_gap_are_one_slot():
    assert clock(cron("0,30 2 * * *"), NEW_YORK, "2026-03-08") == ["03:00:00-0400"]
    assert clock(cron("30 2,3 * * *"), NEW_YORK, "2026-03-08") == [
        "03:00:00-0400",
        "03:30:00-0400",
    ]


def test_new_york_spring_a_second_in_the_gap_runs_right_after_it():
    assert clock(cron("45 30 2 * * *"), NEW_YORK, "2026-03-08") == ["03:00:00-0400"]


def test_new_york_spring_a_running_pattern_has_nothing_in_the_gap():
    assert clock(cron("30 */1 * * *"), NEW_YORK, "2026-03-08")[:4] == [
        "00:30:00-0500",
        "01:30:00-0500",
        "03:30:00-0400",
        "04:30:00-0400",
    ]
    assert clock(cron("*/20 2 * * *"), NEW_YORK, "2026-03-08") == []


@pytest.mark.parametrize(
    "spec", [{"kind": "hourly", "minute": 30}, cron("30 * * * *"), cron("0 30 * * * *")], ids=str
)
def test_new_york_autumn_a_running_pattern_runs_both_times(spec):
    assert clock(spec, NEW_YORK, "2026-11-01")[:4] == [
        "00:30:00-0400",
        "01:30:00-0400",
        "01:30:00-0500",
        "02:30:00-0500",
    ]


def test_new_york_autumn_the_second_showing_of_a_fixed_time_is_not_a_slot():
    """Asked between the two showings of 01:30, the next slot is tomorrow's."""
    between_them = datetime(2026, 11, 1, 6, 15, tzinfo=UTC)
    schedule = parse_schedule({"kind": "daily", "at": "01:30"}, NEW_YORK)
    assert schedule.next_after(between_them) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def test_new_york_a_slot_right_before_a_far_change_is_found_from_far_away():
    """From winter over a whole summer to the hour that is shown twice: its first showing."""
    winter = datetime(2026, 1, 10, tzinfo=UTC)
    schedule = parse_schedule(cron("*/30 1 1 11 *"), NEW_YORK)
    assert schedule.next_after(winter) == datetime(2026, 11, 1, 5, 0, tzinfo=UTC)


def test_new_york_days_have_23_and_25_hours_for_a_running_pattern():
    hourly = {"kind": "every_minutes", "minutes": 60}
    spring = clock(hourly, NEW_YORK, "2026-03-08")
    autumn = clock(hourly, NEW_YORK, "2026-11-01")
    assert (len(spring), len(autumn)) == (23, 25)


def test_new_york_an_interval_counts_real_time_over_the_change():
    spec = {"kind": "interval", "seconds": 3600, "anchor": "2026-03-08T05:30:00Z"}
    assert clock(spec, NEW_YORK, "2026-03-08")[:3] == [
        "00:30:00-0500",
        "01:30:00-0500",
        "03:30:00-0400",
    ]


def test_lord_howe_spring_half_an_hour_is_skipped():
    assert clock({"kind": "daily", "at": "02:15"}, LORD_HOWE, "2026-10-04") == ["02:30:00+1100"]
    assert clock({"kind": "daily", "at": "02:30"}, LORD_HOWE, "2026-10-04") == ["02:30:00+1100"]
    assert clock(cron("15,30,45 2 * * *"), LORD_HOWE, "2026-10-04") == [
        "02:30:00+1100",
        "02:45:00+1100",
    ]
    assert clock(cron("*/15 1-2 * * *"), LORD_HOWE, "2026-10-04") == [
        "01:00:00+1030",
        "01:15:00+1030",
        "01:30:00+1030",
        "01:45:00+1030",
        "02:30:00+1100",
        "02:45:00+1100",
    ]


def test_lord_howe_autumn_half_an_hour_is_shown_twice():
    assert clock({"kind": "daily", "at": "01:45"}, LORD_HOWE, "2026-04-05") == ["01:45:00+1100"]
    assert clock(cron("*/15 1 * * *"), LORD_HOWE, "2026-04-05") == [
        "01:00:00+1100",
        "01:15:00+1100",
        "01:30:00+1100",
        "01:45:00+1100",
        "01:30:00+1030",
        "01:45:00+1030",
    ]


def test_lord_howe_no_slot_is_stepped_over_wherever_the_search_begins():
    """cronsim's own iteration in this zone jumps from 01:46 over the second 01:45."""
    schedule = parse_schedule(cron("45 * * * *"), LORD_HOWE)
    second_0145 = datetime(2026, 4, 4, 15, 15, tzinfo=UTC)
    for minutes in range(1, 30):
        assert schedule.next_after(second_0145 - timedelta(minutes=minutes)) == second_0145


@pytest.mark.parametrize("day", ["2026-03-08", "2026-04-05", "2026-10-04", "2026-11-01"])
def test_tokyo_has_one_day_like_the_other(day):
    assert clock({"kind": "daily", "at": "02:30"}, TOKYO, day) == ["02:30:00+0900"]
    assert len(clock({"kind": "every_minutes", "minutes": 1}, TOKYO, day)) == 24 * 60


@pytest.mark.parametrize("zone", [NEW_YORK, LORD_HOWE, TOKYO, "Europe/London", "Pacific/Apia"])
def test_a_fixed_time_has_one_slot_for_every_day_of_ten_years(zone):
    for at in ("00:00", "01:15", "02:00", "02:30", "23:59"):
        schedule = parse_schedule({"kind": "daily", "at": at}, zone)
        start = datetime(2020, 1, 1, tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)
        end = datetime(2030, 1, 1, tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)
        assert len(schedule.between(start, end, 9999)) == 3653


def test_a_midnight_that_the_clock_skips_runs_at_the_first_instant_of_the_day():
    """Beirut changes its clock at midnight."""
    assert clock({"kind": "daily", "at": "00:00"}, "Asia/Beirut", "2026-03-29")[:1] == [
        "01:00:00+0300"
    ]


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    expression=st.sampled_from(
        ["30 2 * * *", "0,30 1-3 * * 0", "15 2 8-14 3 *", "0 0 L * *", "*/20 * * * *", "7 * * * *"]
    ),
    zone=st.sampled_from([NEW_YORK, TOKYO, "UTC", "Europe/London"]),
)
def test_five_fields_mean_what_they_mean_to_cronsim(start, expression, zone):
    theirs = CronSim(expression, start.replace(microsecond=0).astimezone(ZoneInfo(zone)))
    later = (slot for slot in theirs if slot.astimezone(UTC) > start)
    assert parse_schedule(cron(expression), zone).next_after(start) == next(later).astimezone(UTC)
