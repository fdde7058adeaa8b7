"""Slots skipped, moved and counted by business days, written out by date."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules import Schedule, Window, parse_schedule
from tests.unit.domain.japan import company, japan, on

TOKYO = "Asia/Tokyo"
DAILY = {"kind": "daily", "at": "09:00"}


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(TOKYO)).astimezone(UTC)


def of(spec, use, window: Window | None = None, zone: str = TOKYO) -> Schedule:
    return parse_schedule(spec, zone, window, use)


def days(schedule: Schedule, first: str, last: str) -> list[str]:
    """The slots from ``first`` 00:00 up to ``last`` 00:00, as wall times."""
    found = schedule.between(tokyo(first), tokyo(last), 10_000)
    return [f"{slot.astimezone(schedule.zone):%m-%d %H:%M}" for slot in found]


def monthly(day: int | str) -> dict[str, object]:
    return {"kind": "monthly", "day": day, "at": "09:00"}


class TestOnly:
    def test_keeps_every_slot_and_says_which_do_not_run(self):
        schedule = of(DAILY, on(japan()))
        found = schedule.between(tokyo("2026-05-01"), tokyo("2026-05-09"), 99)
        assert len(found) == 8
        running = [slot for slot in found if not schedule.is_closed(slot)]
        assert running == [tokyo(f"2026-05-{day} 09:00") for day in ("01", "07", "08")]

    def test_names_the_day(self):
        schedule = of(DAILY, on(japan()))
        slot = tokyo("2026-05-04 09:00")
        assert schedule.note(slot) == "2026-05-04 is みどりの日 (calendar jp)"
        assert schedule.note(slot, "ja") == "2026-05-04はみどりの日（カレンダー jp）"
        assert schedule.note(tokyo("2026-05-07 09:00")) == ""

    def test_asks_for_the_date_in_the_zone_of_the_job(self):
        """Sunday 23:00 in New York is Monday noon in Tokyo."""
        new_york = of({"kind": "daily", "at": "23:00"}, on(japan()), zone="America/New_York")
        (slot,) = new_york.between(tokyo("2026-06-01"), tokyo("2026-06-02"), 9)
        assert slot.astimezone(ZoneInfo(TOKYO)).isoweekday() == 1
        assert new_york.note(slot) == "2026-05-31 is a Sunday (calendar jp)"

    def test_steps_over_days_off_when_asked_for_what_runs(self):
        each_second = of({"kind": "cron", "expression": "* * * * * *"}, on(company()))
        start = tokyo("2026-12-28 23:59:58")
        found = each_second.runs_between(start, tokyo("2027-01-05"), 3)
        assert found == [
            tokyo("2026-12-28 23:59:59"),
            tokyo("2027-01-04 00:00:00"),
            tokyo("2027-01-04 00:00:01"),
        ]


class TestNext:
    def test_golden_week_2026_ends_on_the_7th(self):
        schedule = of(monthly(3), on(japan(), "next"))
        assert days(schedule, "2026-04-01", "2026-07-01") == [
            "04-03 09:00",
            "05-07 09:00",
            "06-03 09:00",
        ]
        note = schedule.note(tokyo("2026-05-07 09:00"))
        assert note == "moved from 2026-05-03, which is 憲法記念日 (calendar jp)"

    def test_golden_week_2027_ends_on_the_6th(self):
        schedule = of(monthly(3), on(japan(), "next"))
        assert days(schedule, "2027-05-01", "2027-06-01") == ["05-06 09:00"]

    def test_silver_week_2026(self):
        mondays = of({"kind": "weekly", "day": "mon", "at": "08:30"}, on(japan(), "next"))
        assert days(mondays, "2026-09-14", "2026-09-29") == [
            "09-14 08:30",
            "09-24 08:30",
            "09-28 08:30",
        ]

    def test_slots_that_fall_on_one_instant_are_one_and_the_day_s_own_is_not_called_moved(self):
        schedule = of(DAILY, on(japan(), "next"))
        assert days(schedule, "2026-05-01", "2026-05-09") == [
            "05-01 09:00",
            "05-07 09:00",
            "05-08 09:00",
        ]
        assert schedule.note(tokyo("2026-05-07 09:00")) == ""

    def test_times_of_several_days_mix_in_order(self):
        spec = {"kind": "cron", "expression": "0 8,20 3 * *"}
        both = {"kind": "cron", "expression": "0 8,12,20 3,4,7 5 *"}
        assert days(of(spec, on(japan(), "next")), "2026-05-01", "2026-06-01") == [
            "05-07 08:00",
            "05-07 20:00",
        ]
        assert days(of(both, on(japan(), "next")), "2026-05-01", "2026-06-01") == [
            "05-07 08:00",
            "05-07 12:00",
            "05-07 20:00",
        ]

    def test_over_the_new_year_of_the_company(self):
        schedule = of(monthly("last"), on(company(), "next"))
        assert days(schedule, "2026-12-01", "2027-02-01") == ["01-04 09:00"]


class TestPrevious:
    def test_a_payday_moves_to_the_business_day_before(self):
        payday = of(monthly(25), on(japan(), "previous"))
        assert days(payday, "2026-01-01", "2027-01-01") == [
            "01-23 09:00",
            "02-25 09:00",
            "03-25 09:00",
            "04-24 09:00",
            "05-25 09:00",
            "06-25 09:00",
            "07-24 09:00",
            "08-25 09:00",
            "09-25 09:00",
            "10-23 09:00",
            "11-25 09:00",
            "12-25 09:00",
        ]

    def test_month_end_becomes_the_last_business_day(self):
        schedule = of(monthly("last"), on(company(), "previous"))
        assert days(schedule, "2026-01-01", "2027-03-01") == [
            "01-30 09:00",
            "02-27 09:00",
            "03-31 09:00",
            "04-30 09:00",
            "05-29 09:00",
            "06-30 09:00",
            "07-31 09:00",
            "08-31 09:00",
            "09-30 09:00",
            "10-30 09:00",
            "11-30 09:00",
            "12-28 09:00",
            "01-29 09:00",
            "02-26 09:00",
        ]

    def test_the_moved_slot_is_found_before_the_day_it_was_named_for(self):
        schedule = of(monthly(5), on(japan(), "previous"))
        assert schedule.next_after(tokyo("2026-04-30")) == tokyo("2026-05-01 09:00")

    def test_a_moved_slot_that_is_past_is_past(self):
        schedule = of(monthly(5), on(japan(), "previous"))
        assert schedule.next_after(tokyo("2026-05-01 09:00")) == tokyo("2026-06-05 09:00")
        assert schedule.next_after(tokyo("2026-05-04 12:00")) == tokyo("2026-06-05 09:00")

    def test_may_move_into_the_month_before(self):
        schedule = of(monthly(1), on(japan(), "previous"))
        assert days(schedule, "2026-07-01", "2026-09-01") == ["07-01 09:00", "07-31 09:00"]


class TestBusinessDays:
    @pytest.mark.parametrize(
        ("nth", "expected"),
        [
            (1, ["04-01", "05-01", "06-01", "07-01", "08-03", "09-01"]),
            (2, ["04-02", "05-07", "06-02", "07-02", "08-04", "09-02"]),
            (-1, ["04-30", "05-29", "06-30", "07-31", "08-31", "09-30"]),
            (-5, ["04-23", "05-25", "06-24", "07-27", "08-25", "09-24"]),
        ],
    )
    def test_nth_and_nth_last_of_the_month(self, nth: int, expected: list[str]):
        schedule = of({"kind": "business_day", "nth": nth, "at": "09:00"}, on(japan()))
        assert days(schedule, "2026-04-01", "2026-10-01") == [f"{day} 09:00" for day in expected]

    def test_a_month_that_has_not_so_many_has_none(self):
        schedule = of({"kind": "business_day", "nth": 20, "at": "09:00"}, on(company()))
        found = days(schedule, "2026-12-01", "2027-03-01")
        assert found == ["12-26 09:00"]

    def test_the_first_business_day_of_the_company_s_year(self):
        schedule = of({"kind": "business_day", "nth": 1, "at": "09:00"}, on(company()))
        assert days(schedule, "2027-01-01", "2027-02-01") == ["01-04 09:00"]

    def test_need_a_calendar(self):
        with pytest.raises(InvalidSchedule) as caught:
            of({"kind": "business_day", "nth": 1, "at": "09:00"}, None)
        assert (caught.value.field, "name of a calendar" in str(caught.value)) == ("calendar", True)

    @pytest.mark.parametrize("nth", [0, 32, -32, "1", None, True, 31])
    def test_that_no_month_has_are_refused(self, nth):
        with pytest.raises(InvalidSchedule) as caught:
            of({"kind": "business_day", "nth": nth, "at": "09:00"}, on(japan()))
        assert caught.value.field == "nth"


class TestTheWindow:
    def test_bounds_the_instant_at_which_a_moved_slot_runs(self):
        end = Window(not_after=tokyo("2026-05-06 23:59"))
        start = Window(not_before=tokyo("2026-05-04 00:00"))
        schedule = monthly(3)
        assert days(of(schedule, on(japan(), "next"), end), "2026-05-01", "2026-06-01") == []
        assert days(of(schedule, on(japan(), "next"), start), "2026-05-01", "2026-06-01") == [
            "05-07 09:00"
        ]
        assert days(of(schedule, on(japan(), "previous"), start), "2026-04-01", "2026-06-01") == []

    def test_includes_both_its_bounds(self):
        at = tokyo("2026-05-07 09:00")
        schedule = of(monthly(3), on(japan(), "next"), Window(at, at))
        assert days(schedule, "2026-01-01", "2027-01-01") == ["05-07 09:00"]


class TestClockChanges:
    """On Sunday 8 March 2026 New York's clocks go from 02:00 to 03:00; on Sunday 1 November 2026
    from 02:00 back to 01:00."""

    def new_york(self, at: str, rule: str) -> list[str]:
        schedule = of({"kind": "daily", "at": at}, on(japan(), rule), zone="America/New_York")
        found = schedule.between(tokyo("2026-03-07 12:00"), tokyo("2026-03-10"), 9)
        return [f"{slot.astimezone(schedule.zone):%m-%d %H:%M %Z}" for slot in found]

    def test_a_time_in_a_gap_moved_to_monday_keeps_its_wall_time(self):
        assert self.new_york("02:30", "next") == ["03-09 02:30 EDT"]

    def test_a_time_moved_into_the_day_of_a_gap_happens_after_it(self):
        open_sunday = on(
            type(japan())("worked", weekly_days_off=frozenset({5})),
            "next",
        )
        schedule = of(
            {"kind": "weekly", "day": "sat", "at": "02:30"}, open_sunday, zone="America/New_York"
        )
        (slot,) = schedule.between(tokyo("2026-03-07 18:00"), tokyo("2026-03-10"), 9)
        assert f"{slot.astimezone(schedule.zone):%m-%d %H:%M %Z}" == "03-08 03:00 EDT"


class TestAOneOff:
    def test_on_a_day_off_is_moved_at_the_same_wall_time(self):
        spec = {"kind": "once", "at": "2026-05-04T18:00:00"}
        assert days(of(spec, on(japan(), "next")), "2026-01-01", "2027-01-01") == ["05-07 18:00"]
        assert days(of(spec, on(japan(), "previous")), "2026-01-01", "2027-01-01") == [
            "05-01 18:00"
        ]

    def test_with_an_offset_counts_by_the_day_of_its_zone(self):
        spec = {"kind": "once", "at": "2026-05-03T20:00:00+00:00"}
        assert days(of(spec, on(japan(), "next")), "2026-01-01", "2027-01-01") == ["05-07 05:00"]

    def test_on_a_business_day_stays_the_instant_it_is(self):
        at = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
        schedule = of({"kind": "once", "at": at.isoformat()}, on(japan(), "next"))
        assert schedule.next_after(tokyo("2026-01-01")) == at


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "every_minutes", "minutes": 5},
        {"kind": "hourly", "minute": 5},
        {"kind": "cron", "expression": "*/5 9-17 * * *"},
        {"kind": "interval", "seconds": 90, "anchor": "2026-01-01T00:00:00+00:00"},
    ],
    ids=str,
)
@pytest.mark.parametrize("rule", ["next", "previous"])
def test_what_has_no_time_of_day_cannot_be_moved_but_can_be_skipped(spec, rule: str):
    with pytest.raises(InvalidSchedule) as caught:
        of(spec, on(japan(), rule))
    assert caught.value.field == "calendar_rule"
    schedule = of(spec, on(japan()))
    first = schedule.next_after(tokyo("2026-05-04"))
    assert first is not None
    assert schedule.is_closed(first)


@pytest.mark.parametrize(
    ("spec", "rule", "english", "japanese"),
    [
        (DAILY, "only", ", only on business days of calendar jp", "、カレンダー jp の営業日のみ"),
        (DAILY, "next", "next business day of calendar jp", "カレンダー jp の翌営業日に"),
        (DAILY, "previous", "previous business day of calendar jp", "前営業日に"),
        (
            {"kind": "business_day", "nth": -1, "at": "17:00"},
            "only",
            "on the last business day of each month at 17:00 by calendar jp (Asia/Tokyo)",
            "毎月最終営業日の17:00、カレンダー jp（Asia/Tokyo）",
        ),
        (
            {"kind": "business_day", "nth": 2, "at": "17:00"},
            "only",
            "on the 2nd business day",
            "毎月第2営業日の17:00",
        ),
        (
            {"kind": "business_day", "nth": -3, "at": "17:00"},
            "only",
            "on the 3rd last business day",
            "毎月最終から3番目の営業日の17:00",
        ),
    ],
)
def test_a_schedule_says_what_the_calendar_does(spec, rule, english, japanese):
    schedule = of(spec, on(japan(), rule))
    assert english in schedule.describe("en")
    assert japanese in schedule.describe("ja")


def test_the_calendar_ends_with_the_year_9999():
    last = datetime(9999, 12, 31, 20, tzinfo=UTC)
    for rule in ("only", "next", "previous"):
        assert of(DAILY, on(japan(), rule)).next_after(last) is None
    business_day = {"kind": "business_day", "nth": 1, "at": "09:00"}
    assert of(business_day, on(japan())).next_after(last) is None
