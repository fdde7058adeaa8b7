"""Every schedule form: its instants, its spec, its words, its bounds."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.calendars import PLAIN
from scheduler.domain.schedules import (
    KINDS,
    CalendarUse,
    Schedule,
    Window,
    parse_schedule,
    with_anchor,
)
from tests.unit.domain.builders import NOW

TOKYO = "Asia/Tokyo"


def tokyo(text):
    """A wall time of Tokyo as the instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(TOKYO)).astimezone(UTC)


def slots(spec, start, count, zone=TOKYO):
    return parse_schedule(spec, zone).between(tokyo(start), tokyo("2100-01-01"), count)


def test_every_n_minutes_keeps_to_the_hour():
    found = slots({"kind": "every_minutes", "minutes": 20}, "2026-01-01 09:05", 4)
    assert found == [
        tokyo("2026-01-01 09:20"),
        tokyo("2026-01-01 09:40"),
        tokyo("2026-01-01 10:00"),
        tokyo("2026-01-01 10:20"),
    ]


def test_every_sixty_minutes_is_every_full_hour():
    found = slots({"kind": "every_minutes", "minutes": 60}, "2026-01-01 09:05", 2)
    assert found == [tokyo("2026-01-01 10:00"), tokyo("2026-01-01 11:00")]


def test_hourly_runs_at_its_minute():
    found = slots({"kind": "hourly", "minute": 15}, "2026-01-01 09:15", 2)
    assert found == [tokyo("2026-01-01 10:15"), tokyo("2026-01-01 11:15")]


def test_daily_runs_at_its_wall_time():
    found = slots({"kind": "daily", "at": "09:00:30"}, "2026-01-01 09:00", 2)
    assert found == [tokyo("2026-01-01 09:00:30"), tokyo("2026-01-02 09:00:30")]


def test_weekdays_are_monday_to_friday_unless_others_are_chosen():
    friday = "2026-01-02 10:00"
    assert slots({"kind": "weekdays", "at": "09:00"}, friday, 1) == [tokyo("2026-01-05 09:00")]
    chosen = {"kind": "weekdays", "at": "09:00", "days": ["sun", "wed"]}
    assert slots(chosen, friday, 2) == [tokyo("2026-01-04 09:00"), tokyo("2026-01-07 09:00")]


def test_weekly_runs_on_its_day():
    found = slots({"kind": "weekly", "day": "sat", "at": "23:59"}, "2026-01-01 00:00", 2)
    assert found == [tokyo("2026-01-03 23:59"), tokyo("2026-01-10 23:59")]


def days_of_2027(spec):
    found = slots({"kind": "monthly", "at": "09:00", **spec}, "2027-01-01", 12)
    return [(slot + timedelta(hours=9)).strftime("%m-%d") for slot in found if slot.year == 2027]


def test_monthly_skips_a_month_without_its_day():
    assert days_of_2027({"day": 30}) == [f"{month:02}-30" for month in range(1, 13) if month != 2]


def test_monthly_skips_five_months_on_day_31():
    assert days_of_2027({"day": 31, "missing": "skip"}) == [
        "01-31", "03-31", "05-31", "07-31", "08-31", "10-31", "12-31",
    ]  # fmt: skip


@pytest.mark.parametrize(("day", "february"), [(29, "02-28"), (30, "02-28"), (31, "02-28")])
def test_monthly_falls_back_to_the_last_day_where_it_says_so(day, february):
    found = days_of_2027({"day": day, "missing": "last"})
    assert len(found) == 12
    assert found[1] == february
    assert found[3] == f"04-{min(day, 30)}"


def test_day_29_with_fallback_is_one_slot_in_a_leap_february():
    spec = {"kind": "monthly", "day": 29, "missing": "last", "at": "09:00"}
    assert slots(spec, "2028-02-01", 2) == [tokyo("2028-02-29 09:00"), tokyo("2028-03-29 09:00")]


def test_the_last_day_of_the_month_knows_leap_years():
    spec = {"kind": "monthly", "day": "last", "at": "09:00"}
    assert slots(spec, "2028-02-01", 1) == [tokyo("2028-02-29 09:00")]
    assert slots(spec, "2027-02-01", 1) == [tokyo("2027-02-28 09:00")]


def test_once_fires_once():
    spec = {"kind": "once", "at": "2026-12-24T18:00:00+09:00"}
    assert slots(spec, "2026-01-01", 9) == [tokyo("2026-12-24 18:00")]
    assert slots(spec, "2026-12-24 18:00", 9) == []


def test_once_without_an_offset_is_a_wall_time_of_the_jobs_zone():
    assert slots({"kind": "once", "at": "2026-12-24T18:00"}, "2026-01-01", 9) == [
        tokyo("2026-12-24 18:00")
    ]


INTERVAL = {"kind": "interval", "seconds": 90, "anchor": "2026-01-01T00:00:00+00:00"}


def test_an_interval_counts_from_its_anchor_whenever_it_is_asked():
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    schedule = parse_schedule(INTERVAL, TOKYO)
    assert schedule.next_after(anchor + timedelta(seconds=91)) == anchor + timedelta(seconds=180)
    assert schedule.next_after(anchor + timedelta(seconds=180)) == anchor + timedelta(seconds=270)


def test_an_interval_begins_with_its_anchor_and_never_before():
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    assert parse_schedule(INTERVAL).next_after(anchor - timedelta(days=900)) == anchor


def test_an_interval_without_an_anchor_gets_the_time_of_its_making():
    bare = {"kind": "interval", "seconds": 5}
    assert with_anchor(bare, NOW)["anchor"] == NOW.isoformat()
    assert with_anchor(INTERVAL, NOW) == INTERVAL


def test_other_kinds_get_no_anchor():
    assert with_anchor({"kind": "hourly", "minute": 5}, NOW) == {"kind": "hourly", "minute": 5}


def test_cron_with_five_fields_runs_at_second_zero():
    found = slots({"kind": "cron", "expression": "*/30 9-10 * * mon"}, "2026-01-01", 4)
    assert found == [
        tokyo("2026-01-05 09:00"),
        tokyo("2026-01-05 09:30"),
        tokyo("2026-01-05 10:00"),
        tokyo("2026-01-05 10:30"),
    ]


def test_cron_with_six_fields_has_the_second_first():
    found = slots({"kind": "cron", "expression": "15,45 0 9 * * *"}, "2026-01-01", 3)
    assert found == [
        tokyo("2026-01-01 09:00:15"),
        tokyo("2026-01-01 09:00:45"),
        tokyo("2026-01-02 09:00:15"),
    ]


def test_cron_joins_day_of_month_and_weekday_by_or_as_cron_does():
    found = slots({"kind": "cron", "expression": "0 0 13 * fri"}, "2026-02-07", 2)
    assert found == [tokyo("2026-02-13"), tokyo("2026-02-20")]


# -------------------------------------------------------------------------------- bounds, limits


def test_between_excludes_its_start_and_includes_its_end():
    schedule = parse_schedule({"kind": "hourly", "minute": 0}, TOKYO)
    found = schedule.between(tokyo("2026-01-01 09:00"), tokyo("2026-01-01 11:00"), 99)
    assert found == [tokyo("2026-01-01 10:00"), tokyo("2026-01-01 11:00")]


def test_between_stops_at_its_limit():
    schedule = parse_schedule({"kind": "cron", "expression": "* * * * * *"})
    assert len(schedule.between(NOW, NOW + timedelta(days=9999), 7)) == 7


def test_a_start_with_a_fraction_of_a_second_loses_no_slot():
    schedule = parse_schedule({"kind": "cron", "expression": "* * * * * *"})
    assert schedule.next_after(NOW + timedelta(milliseconds=1)) == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    "spec", [INTERVAL, {"kind": "hourly", "minute": 0}, {"kind": "cron", "expression": "* * * * *"}]
)
def test_a_window_includes_both_its_bounds(spec):
    window = Window(NOW, NOW + timedelta(hours=1))
    schedule = parse_schedule(spec, window=window)
    everything = schedule.between(NOW - timedelta(days=9), NOW + timedelta(days=9), 999)
    unbounded = parse_schedule(spec)
    start, end = NOW - timedelta(seconds=1), NOW + timedelta(hours=1)
    assert everything == unbounded.between(start, end, 999)
    assert everything


def test_a_window_that_opens_between_two_slots_begins_with_the_later():
    window = Window(not_before=NOW + timedelta(microseconds=1))
    schedule = parse_schedule({"kind": "hourly", "minute": 0}, window=window)
    assert schedule.next_after(NOW - timedelta(days=1)) == NOW + timedelta(hours=1)


def test_after_its_window_a_schedule_has_no_slot():
    schedule = parse_schedule({"kind": "hourly", "minute": 0}, window=Window(not_after=NOW))
    assert schedule.next_after(NOW) is None


def test_a_window_far_ahead_costs_no_search_through_the_years_before_it():
    window = Window(not_before=NOW + timedelta(days=365 * 60))
    schedule = parse_schedule({"kind": "cron", "expression": "* * * * * *"}, window=window)
    assert schedule.next_after(NOW) == window.not_before


def test_the_calendar_ends_with_the_year_9999():
    schedule = parse_schedule({"kind": "daily", "at": "09:00"}, "America/New_York")
    assert schedule.next_after(datetime(9999, 12, 31, 20, tzinfo=UTC)) is None


# ------------------------------------------------------------------------------------ round trip

WEEKDAYS = CalendarUse(PLAIN)
SPECS: list[dict[str, Any]] = [
    {"kind": "every_minutes", "minutes": 5},
    {"kind": "hourly", "minute": 15},
    {"kind": "daily", "at": "09:00"},
    {"kind": "weekdays", "days": ["mon", "wed"], "at": "09:00:30"},
    {"kind": "weekly", "day": "mon", "at": "09:00"},
    {"kind": "monthly", "day": 31, "at": "09:00", "missing": "last"},
    {"kind": "monthly", "day": "last", "at": "09:00"},
    {"kind": "once", "at": "2026-12-24T18:00:00+09:00"},
    {"kind": "once", "at": "2026-12-24T18:00:00"},
    INTERVAL,
    {"kind": "business_day", "nth": -1, "at": "17:00"},
    {"kind": "cron", "expression": "*/5 9-17 * * mon-fri"},
]


def test_every_kind_has_an_example_here():
    assert {spec["kind"] for spec in SPECS} == set(KINDS)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_spec_comes_back_as_it_went_in(spec):
    schedule = parse_schedule(spec, TOKYO, use=WEEKDAYS)
    assert schedule.to_spec() == spec
    assert parse_schedule(schedule.to_spec(), TOKYO, use=WEEKDAYS) == schedule


# ------------------------------------------------------------------------------------- in words


@pytest.mark.parametrize(
    ("spec", "english", "japanese"),
    [
        ({"kind": "every_minutes", "minutes": 1}, "every minute", "毎分"),
        ({"kind": "every_minutes", "minutes": 5}, "every 5 minutes", "5分ごと"),
        ({"kind": "hourly", "minute": 15}, "every hour at minute 15", "毎時15分"),
        ({"kind": "daily", "at": "09:00"}, "every day at 09:00", "毎日09:00"),
        (
            {"kind": "weekdays", "at": "09:00"},
            "Monday to Friday at 09:00",
            "平日（月〜金）の09:00",
        ),
        (
            {"kind": "weekdays", "days": ["wed", "mon"], "at": "09:00"},
            "every Monday, Wednesday at 09:00",
            "毎週月・水曜日の09:00",
        ),
        (
            {"kind": "weekly", "day": "sun", "at": "00:00"},
            "every Sunday at 00:00",
            "毎週日曜日の00:00",
        ),
        (
            {"kind": "monthly", "day": 5, "at": "09:00"},
            "on day 5 of each month at 09:00",
            "毎月5日の09:00",
        ),
        (
            {"kind": "monthly", "day": 31, "at": "09:00"},
            "on day 31 of each month at 09:00 (months without it are skipped)",
            "毎月31日の09:00（その日がない月は実行しない）",
        ),
        (
            {"kind": "monthly", "day": 31, "at": "09:00", "missing": "last"},
            "on day 31 of each month at 09:00 (or the month's last day)",
            "毎月31日の09:00（その日がない月は末日）",
        ),
        (
            {"kind": "monthly", "day": "last", "at": "09:00"},
            "on the last day of each month at 09:00",
            "毎月末日の09:00",
        ),
        (
            {"kind": "once", "at": "2026-12-24T09:00:00+00:00"},
            "once, at 2026-12-24 18:00",
            "2026年12月24日 18:00に1回だけ",
        ),
        (
            INTERVAL,
            "every 90 seconds, counted from 2026-01-01 09:00",
            "90秒ごと（起点: 2026年1月1日 09:00）",
        ),
        (
            {"kind": "interval", "seconds": 1, "anchor": "2026-01-01T00:00:00+00:00"},
            "every second, counted from 2026-01-01 09:00",
            "1秒ごと（起点: 2026年1月1日 09:00）",
        ),
        (
            {"kind": "cron", "expression": "0 9 * * 1"},
            "at 09:00 on Monday (cron: 0 9 * * 1)",
            "cron式「0 9 * * 1」",
        ),
    ],
)
def test_a_schedule_says_in_words_when_it_runs(spec, english, japanese):
    schedule = parse_schedule(spec, TOKYO)
    assert schedule.describe("en") == f"{english} (Asia/Tokyo)"
    assert schedule.describe("ja-JP") == f"{japanese}（Asia/Tokyo）"


def test_its_words_include_its_window():
    window = Window(tokyo("2026-01-01"), tokyo("2026-06-30 23:59:59"))
    schedule = parse_schedule({"kind": "daily", "at": "09:00"}, TOKYO, window)
    assert schedule.describe() == (
        "every day at 09:00 (Asia/Tokyo), from 2026-01-01 00:00, until 2026-06-30 23:59:59"
    )
    assert schedule.describe("ja") == (
        "毎日09:00（Asia/Tokyo）、2026年1月1日 00:00〜2026年6月30日 23:59:59"
    )


def test_an_open_window_is_said_on_one_side_only():
    schedule = parse_schedule({"kind": "daily", "at": "09:00"}, TOKYO, Window(tokyo("2026-01-01")))
    assert schedule.describe().endswith(", from 2026-01-01 00:00")
    assert schedule.describe("ja").endswith("、2026年1月1日 00:00〜")


def test_a_language_we_do_not_speak_gets_english():
    schedule = parse_schedule({"kind": "daily", "at": "09:00"}, TOKYO)
    assert schedule.describe("fr") == schedule.describe("en")


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"kind": "daily", "at": "02:30"}, "exactly once"),
        ({"kind": "cron", "expression": "30 2 * * *"}, "exactly once"),
        ({"kind": "cron", "expression": "30 * * * *"}, "Follows the clock"),
        ({"kind": "every_minutes", "minutes": 5}, "Follows the clock"),
        (INTERVAL, "real time"),
    ],
)
def test_a_schedule_says_what_it_does_when_the_clock_is_changed(spec, word):
    schedule: Schedule = parse_schedule(spec, TOKYO)
    assert word in schedule.clock_change_rule()
    assert schedule.clock_change_rule("ja") != schedule.clock_change_rule("en")
