"""What is no schedule, and the sentence that says so: which field, its value, what is allowed."""

from datetime import datetime, timedelta

import pytest

from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.schedules import Window, parse_schedule
from tests.unit.domain.builders import NOW


def refused(spec, zone="UTC", window=None):
    with pytest.raises(InvalidSchedule) as caught:
        parse_schedule(spec, zone, window)
    return caught.value


def cron(expression):
    return {"kind": "cron", "expression": expression}


@pytest.mark.parametrize(
    ("expression", "count"), [("* * * * * * *", 7), ("* * * *", 4), ("", 0), ("@daily", 1)]
)
def test_a_wrong_number_of_cron_fields_is_counted(expression, count):
    error = refused(cron(expression))
    assert (error.field, error.value) == ("expression", expression)
    assert f"this has {count}" in str(error)


@pytest.mark.parametrize(
    ("expression", "field", "value", "allowed"),
    [
        ("61 * * * *", "minute", "61", "0-59"),
        ("60 0 * * * *", "second", "60", "0-59"),
        ("0 24 * * *", "hour", "24", "0-23"),
        ("0 0 32 * *", "day-of-month", "32", "1-31"),
        ("0 0 0 * *", "day-of-month", "0", "1-31"),
        ("0 0 1 13 *", "month", "13", "1-12"),
        ("0 0 1 FOO *", "month", "FOO", "JAN-DEC"),
        ("0 0 * * 8", "day-of-week", "8", "0-7"),
        ("0 0 * * 1#6", "day-of-week", "1#6", "1#2"),
        ("*/0 * * * *", "minute", "*/0", "0-59"),
        ("5-1 * * * *", "minute", "5-1", "0-59"),
        ("1,,2 * * * *", "minute", "1,,2", "0-59"),
        ("-1 * * * *", "minute", "-1", "0-59"),
        ("1.5 * * * *", "minute", "1.5", "0-59"),
        ("１ * * * *", "minute", "１", "0-59"),
        ("* * * * ²L", "day-of-week", "²L", "5L"),
    ],
)
def test_a_bad_cron_field_is_named_with_what_it_may_be(expression, field, value, allowed):
    error = refused(cron(expression))
    assert error.field == f"expression ({field})"
    assert error.value == value
    assert allowed in error.allowed


@pytest.mark.parametrize(
    "expression", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 feb *", "0 0 0 30 2 *"]
)
def test_a_day_that_no_month_has_is_refused(expression):
    assert "day-of-month" in refused(cron(expression)).field


def test_a_cron_text_that_never_fires_in_its_zone_is_refused():
    """Each half hour between one and two on the last Sunday of March: London skips that hour."""
    never = cron("*/30 1 25-31 3 */7")
    assert parse_schedule(never, "UTC").next_after(NOW) is not None
    error = refused(never, "Europe/London")
    assert (error.field, error.value) == ("expression", "*/30 1 25-31 3 */7")
    assert "exists in some year" in str(error)


@pytest.mark.parametrize("expression", [None, 5, ["* * * * *"], "9" * 5000 + " * * * *"])
def test_a_cron_expression_that_is_no_short_text_is_refused(expression):
    assert refused(cron(expression)).field == "expression"


def test_a_29th_of_february_is_a_schedule():
    assert parse_schedule(cron("0 0 29 2 *")).next_after(NOW) == datetime.fromisoformat(
        "2028-02-29T00:00:00+00:00"
    )


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "kind"),
        ({"kind": "sometimes"}, "kind"),
        ({"kind": ["daily"]}, "kind"),
        ({"kind": "every_minutes"}, "minutes"),
        ({"kind": "every_minutes", "minutes": 7}, "minutes"),
        ({"kind": "every_minutes", "minutes": True}, "minutes"),
        ({"kind": "every_minutes", "minutes": "5"}, "minutes"),
        ({"kind": "hourly", "minute": 60}, "minute"),
        ({"kind": "hourly", "minute": -1}, "minute"),
        ({"kind": "daily"}, "at"),
        ({"kind": "daily", "at": "24:00"}, "at"),
        ({"kind": "daily", "at": "9:00"}, "at"),
        ({"kind": "daily", "at": "09:00+09:00"}, "at"),
        ({"kind": "daily", "at": 900}, "at"),
        ({"kind": "weekdays", "days": [], "at": "09:00"}, "days"),
        ({"kind": "weekdays", "days": "mon", "at": "09:00"}, "days"),
        ({"kind": "weekdays", "days": ["monday"], "at": "09:00"}, "days"),
        ({"kind": "weekdays", "days": [["mon"]], "at": "09:00"}, "days"),
        ({"kind": "weekly", "day": "someday", "at": "09:00"}, "day"),
        ({"kind": "monthly", "day": 0, "at": "09:00"}, "day"),
        ({"kind": "monthly", "day": 32, "at": "09:00"}, "day"),
        ({"kind": "monthly", "day": 31, "missing": "run", "at": "09:00"}, "missing"),
        ({"kind": "monthly", "day": "last", "missing": "skip", "at": "09:00"}, "missing"),
        ({"kind": "once"}, "at"),
        ({"kind": "once", "at": "tomorrow"}, "at"),
        ({"kind": "once", "at": 1700000000}, "at"),
        ({"kind": "interval", "seconds": 0, "anchor": "2026-01-01T00:00:00Z"}, "seconds"),
        ({"kind": "interval", "seconds": 0.5, "anchor": "2026-01-01T00:00:00Z"}, "seconds"),
        ({"kind": "interval", "seconds": 10**12, "anchor": "2026-01-01T00:00:00Z"}, "seconds"),
        ({"kind": "interval", "seconds": 5}, "anchor"),
        ({"kind": "interval", "seconds": 5, "anchor": "2026-01-01T00:00:00"}, "anchor"),
        ({"kind": "daily", "at": "09:00", "minute": 5}, "minute"),
    ],
    ids=str,
)
def test_a_bad_field_is_named(spec, field):
    error = refused(spec)
    assert error.field == field
    assert f"'{field}'" in str(error)
    assert "allowed: " in str(error)


def test_a_missing_field_is_called_missing():
    assert str(refused({"kind": "daily"})) == (
        "Schedule field 'at' is missing; allowed: a time such as 09:00 or 09:00:30."
    )


@pytest.mark.parametrize("spec", [None, [], "0 9 * * *", 5])
def test_a_spec_that_is_no_object_is_refused(spec):
    assert refused(spec).field == "schedule"


@pytest.mark.parametrize(
    "zone", ["Asia/Tokio", "", "JST+9", "../etc/passwd", "/etc/localtime", "America", None, "日本"]
)
def test_an_unknown_time_zone_is_refused(zone):
    error = refused({"kind": "daily", "at": "09:00"}, zone)
    assert (error.field, error.value) == ("timezone", zone)


def test_a_misspelt_time_zone_gets_a_hint():
    assert "did you mean Asia/Tokyo" in str(refused({"kind": "daily", "at": "09:00"}, "Asia/Tokio"))


def test_a_window_that_ends_before_it_begins_is_refused():
    window = Window(NOW, NOW - timedelta(seconds=1))
    assert refused({"kind": "daily", "at": "09:00"}, window=window).field == "end_at"


def test_a_window_without_a_zone_is_refused():
    window = Window(not_before=datetime(2026, 1, 1))
    assert refused({"kind": "daily", "at": "09:00"}, window=window).field == "start_at"


def test_a_long_bad_value_is_cut_in_the_sentence_but_not_in_the_attribute():
    error = refused({"kind": "daily", "at": "x" * 500})
    assert len(str(error)) < 200
    assert error.value == "x" * 500
