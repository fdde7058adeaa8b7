"""The audit's own arithmetic, held against plain expectations and against the planner's."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.schedules import parse_schedule
from scheduler_demo.days import Days
from scheduler_demo.timetable import CannotAudit, closed, slots
from tests.unit.domain.japan import company, on

NOON = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)


def test_the_first_slot_is_strictly_after_the_start_and_the_last_may_be_the_end():
    every_ten = {"kind": "cron", "expression": "*/10 * * * * *"}
    noon = NOON.replace(microsecond=0)
    assert slots(every_ten, "UTC", noon, noon + timedelta(seconds=20)) == [
        noon + timedelta(seconds=10),
        noon + timedelta(seconds=20),
    ]


def test_an_interval_counts_from_its_anchor():
    spec = {"kind": "interval", "seconds": 7, "anchor": "2026-03-02T11:59:58+00:00"}
    found = slots(spec, "Asia/Tokyo", NOON, NOON + timedelta(seconds=14))
    assert [slot.second for slot in found] == [5, 12]


def test_wall_clock_forms_follow_the_zone():
    found = slots({"kind": "daily", "at": "21:00:30"}, "Asia/Tokyo", NOON, NOON.replace(minute=5))
    assert found == [datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "every_minutes", "minutes": 20},
        {"kind": "hourly", "minute": 15},
        {"kind": "daily", "at": "09:00"},
        {"kind": "weekdays", "at": "09:00"},
        {"kind": "weekdays", "days": ["sat"], "at": "09:00:10"},
        {"kind": "weekly", "day": "tue", "at": "23:59:59"},
        {"kind": "monthly", "day": 3, "at": "00:00"},
        {"kind": "monthly", "day": 31, "at": "08:30", "missing": "last"},
        {"kind": "once", "at": "2026-03-03T10:00:00+09:00"},
        {"kind": "once", "at": "2026-03-03T10:00:00"},
        {"kind": "interval", "seconds": 4801, "anchor": "2026-03-01T00:00:00+00:00"},
        {"kind": "cron", "expression": "*/7 9-17 * * mon-fri"},
        {"kind": "cron", "expression": "30 5,35 * 3 * *"},
        {"kind": "cron", "expression": "0 12 1-7 * mon"},
        {"kind": "cron", "expression": "5/20 8 * mar 0,7"},
    ],
)
def test_it_agrees_with_the_planners_schedules_over_a_day(spec):
    start, end = NOON, NOON + timedelta(days=1)
    planned = parse_schedule(spec, "Asia/Tokyo").between(start, end, limit=10_000)
    assert slots(spec, "Asia/Tokyo", start, end) == planned


def test_zones_with_another_offset_agree_too():
    spec, zone = {"kind": "cron", "expression": "*/30 7 * * *"}, "Asia/Kathmandu"
    end = NOON + timedelta(days=1)
    assert slots(spec, zone, NOON, end) == parse_schedule(spec, zone).between(NOON, end, 10)
    assert [slot.astimezone(ZoneInfo(zone)).hour for slot in slots(spec, zone, NOON, end)] == [7, 7]


def test_what_it_does_not_know_it_refuses():
    with pytest.raises(CannotAudit, match="'l'"):
        slots({"kind": "cron", "expression": "0 0 L * *"}, "UTC", NOON, NOON)
    with pytest.raises(CannotAudit, match="lunar"):
        slots({"kind": "lunar"}, "UTC", NOON, NOON)


MOVED = [
    {"kind": "monthly", "day": 3, "at": "09:00"},
    {"kind": "monthly", "day": "last", "at": "09:00"},
    {"kind": "weekly", "day": "sun", "at": "09:00"},
    {"kind": "daily", "at": "09:00"},
    {"kind": "business_day", "nth": 1, "at": "09:00"},
    {"kind": "business_day", "nth": -1, "at": "09:00"},
    {"kind": "business_day", "nth": -4, "at": "09:00"},
]


@pytest.mark.parametrize("rule", ["only", "next", "previous"])
@pytest.mark.parametrize("spec", MOVED, ids=str)
def test_days_off_are_read_as_the_planner_reads_them(spec, rule: str):
    """Golden Week 2026, a minute around 09:00 of each day."""
    spelt = company().to_spec()
    days = Days(spelt["weekly_days_off"], spelt["holidays"], spelt["days"], rule)
    schedule = parse_schedule(spec, "Asia/Tokyo", use=on(company(), rule))
    first = datetime(2026, 4, 27, 23, 59, 30, tzinfo=UTC)
    for number in range(40):
        since = first + timedelta(days=number)
        until = since + timedelta(minutes=1)
        found = slots(spec, "Asia/Tokyo", since, until, days)
        assert found == schedule.between(since, until, 99)
        off = [slot for slot in found if closed(spec, "Asia/Tokyo", slot, days)]
        assert off == [slot for slot in found if schedule.is_closed(slot)]
