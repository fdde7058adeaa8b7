"""Which days are worked, by real Japanese calendars written out by date."""

from datetime import date, timedelta

import pytest

from scheduler.domain.calendars import (
    BusinessCalendar,
    CalendarRule,
    check_name,
    days_between,
    parse_calendar,
)
from scheduler.domain.errors import InvalidCalendar
from tests.unit.domain.japan import company, japan


def closed(calendar: BusinessCalendar, first: str, last: str) -> dict[str, str]:
    """The days that are not worked, with the reason in words."""
    found = {}
    for day in days_between(date.fromisoformat(first), date.fromisoformat(last)):
        why = calendar.closing(day)
        assert (why is None) == calendar.is_business_day(day)
        if why is not None:
            found[day.isoformat()[5:]] = why.words()
    return found


def test_golden_week_2026_has_a_substitute_holiday_on_wednesday_the_6th():
    assert closed(japan(), "2026-04-27", "2026-05-10") == {
        "04-29": "昭和の日",
        "05-02": "a Saturday",
        "05-03": "憲法記念日",
        "05-04": "みどりの日",
        "05-05": "こどもの日",
        "05-06": "振替休日",
        "05-09": "a Saturday",
        "05-10": "a Sunday",
    }


def test_golden_week_2027_leaves_thursday_the_6th_to_work():
    assert closed(japan(), "2027-04-26", "2027-05-09") == {
        "04-29": "昭和の日",
        "05-01": "a Saturday",
        "05-02": "a Sunday",
        "05-03": "憲法記念日",
        "05-04": "みどりの日",
        "05-05": "こどもの日",
        "05-08": "a Saturday",
        "05-09": "a Sunday",
    }


def test_silver_week_2026_has_a_citizens_holiday_between_two_holidays():
    assert closed(japan(), "2026-09-18", "2026-09-25") == {
        "09-19": "a Saturday",
        "09-20": "a Sunday",
        "09-21": "敬老の日",
        "09-22": "国民の休日",
        "09-23": "秋分の日",
    }


def test_the_year_end_of_a_company_that_closes_from_29_december_to_3_january():
    assert closed(company(), "2026-12-24", "2027-01-05") == {
        "12-27": "a Sunday",
        "12-29": "a company day off: 年末休業",
        "12-30": "a company day off: 年末休業",
        "12-31": "a company day off: 大晦日",
        "01-01": "元日",
        "01-02": "a company day off: 三が日",
        "01-03": "a company day off: 三が日",
    }


def test_a_made_up_saturday_is_worked_and_a_working_day_outranks_a_holiday():
    assert company().is_business_day(date(2026, 12, 26))
    forced = parse_calendar(
        "shop", holidays={"2027-01-01": "元日"}, days={"2027-01-01": {"open": True, "note": ""}}
    )
    assert forced.is_business_day(date(2027, 1, 1))
    assert forced.closing(date(2027, 1, 1)) is None


@pytest.mark.parametrize(
    ("day", "following", "before"),
    [
        ("2026-05-03", "2026-05-07", "2026-05-01"),
        ("2026-09-22", "2026-09-24", "2026-09-18"),
        ("2026-12-31", "2027-01-04", "2026-12-28"),
        ("2026-12-28", "2026-12-28", "2026-12-28"),
        ("2027-03-21", "2027-03-23", "2027-03-19"),
    ],
)
def test_the_business_day_on_or_after_and_on_or_before(day: str, following: str, before: str):
    asked = date.fromisoformat(day)
    assert company().on_or_after(asked) == date.fromisoformat(following)
    assert company().on_or_before(asked) == date.fromisoformat(before)


def test_next_and_previous_leave_the_day_itself():
    assert company().next_business_day(date(2026, 12, 28)) == date(2027, 1, 4)
    assert company().previous_business_day(date(2027, 1, 4)) == date(2026, 12, 28)


@pytest.mark.parametrize(
    ("month", "nth", "day"),
    [
        ((2026, 5), 1, 1),
        ((2026, 5), 2, 7),
        ((2026, 5), -1, 29),
        ((2026, 9), -5, 24),
        ((2026, 12), -1, 28),
        ((2026, 12), -2, 26),
        ((2027, 1), 1, 4),
        ((2027, 1), 5, 8),
        ((2027, 1), 20, None),
        ((2027, 1), -19, 4),
    ],
)
def test_the_nth_business_day_of_a_month(month: tuple[int, int], nth: int, day: int | None):
    expected = None if day is None else date(*month, day)
    assert company().nth_business_day(*month, nth) == expected


def test_every_day_is_moved_to_exactly_one_business_day_with_its_neighbours():
    calendar, day = company(), date(2026, 1, 5)
    for rule in (CalendarRule.NEXT, CalendarRule.PREVIOUS):
        for each in days_between(day, day + timedelta(days=400)):
            target = calendar.target(each, rule)
            first, last = calendar.sources(target, rule)
            assert calendar.is_business_day(target)
            assert first <= each <= last


def test_the_days_around_a_time_judge_it_as_the_whole_calendar_does():
    whole = company()
    part = whole.around(date(2026, 12, 20), date(2027, 1, 10))
    for day in days_between(date(2026, 11, 1), date(2027, 2, 28)):
        assert part.closing(day) == whole.closing(day)
    assert len(part.holidays) < len(whole.holidays)


def test_a_calendar_comes_back_from_its_spec():
    assert parse_calendar(**company().to_spec()) == company()


def test_years_without_known_holidays_are_told():
    assert japan().knows(2027)
    assert not japan().knows(2028)
    assert company().knows(2300)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"weekly_days_off": ["sut"]}, "'weekly_days_off' is 'sut'"),
        ({"weekly_days_off": "sat"}, "a list of names of mon"),
        (
            {"weekly_days_off": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
            "at most six",
        ),
        ({"days": {"soon": {"open": True}}}, "a date such as 2026-12-29"),
        ({"days": {"2026-02-30": {"open": True}}}, "'2026-02-30'"),
        ({"days": {"2026-12-29": {"open": 1}}}, "days[2026-12-29]"),
        ({"days": {"2026-12-29": {"open": True, "why": "x"}}}, "days[2026-12-29]"),
        ({"days": {"2026-12-29": {"open": True, "note": "x" * 201}}}, "200 characters"),
        ({"days": ["2026-12-29"]}, "an object whose names are dates"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_field(parts, sentence: str):
    with pytest.raises(InvalidCalendar) as caught:
        parse_calendar("acme", **parts)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 101, None, "a/b"])
def test_a_name_that_no_command_line_could_carry_is_refused(name):
    with pytest.raises(InvalidCalendar):
        check_name(name)


def test_a_japanese_name_will_do():
    check_name("東京本社")
