"""What SCHEDULER_NOTIFY_ROUTES may say, and what is told of what it may not."""

from datetime import time

import pytest

from scheduler.plugin_api.settings import Unusable
from scheduler_notify.messages import Severity
from scheduler_notify.routes import DEFAULT_ROUTES, LONGEST_TEXT, parse_routes

FULL = """
- name: night
  channels: [slack, mail]
  jobs: ["nightly-*", billing]
  severities: [error]
  recoveries: false
  hours: {calendar: jp, weekdays: [mon, fri], from: 09:00, to: 18:00, timezone: Asia/Tokyo, outside: drop}
  group_by: [kind]
  group_seconds: 60
  limit: {notices: 5, seconds: 3600}
- channels: teams
"""  # noqa: E501


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "a list of routes; Input should be a valid list"),
        ("[]", "a list of routes; List should have at least 1 item"),
        ("- channels: [slak]", "route 1, channels.item 1: Input should be 'slack'"),
        ("- {}\n- jobs: []", "route 2, jobs: "),
        ("- severities: [fatal]", "route 1, severities"),
        ("- hours: {from: '25:00'}", "route 1, hours.from: '25:00' is no time of day"),
        ("- hours: {from: '09:00+09:00'}", "'09:00+09:00' is no time of day"),
        ("- hours: {timezone: Mars/Base}", "hours.timezone: 'Mars/Base' is no time zone"),
        ("- hours: {weekdays: []}", "route 1, hours.weekdays"),
        ("- limit: {notices: 0, seconds: 5}", "route 1, limit.notices"),
        ("- limit: {notices: 1}", "route 1, limit.seconds"),
        ("- group_seconds: nan", "route 1, group_seconds"),
        ("- jbos: x", "route 1, jbos: Extra inputs are not permitted"),
        ("- {name: a}\n- {name: a}", "two are called 'a'"),
        ("- jobs: [a", "line 1, column 11"),
        ("- &a [*a]", ""),
        ("[" * 5000, "nested too deeply"),
        ("#" * (LONGEST_TEXT + 1), "at most 20,000 characters"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text, words):
    with pytest.raises(Unusable) as caught:
        parse_routes(text)
    assert words in str(caught.value)


def test_without_routes_warnings_and_errors_go_everywhere():
    (route,) = parse_routes("  ")
    assert (route,) == DEFAULT_ROUTES
    assert route.severities == {Severity.WARNING, Severity.ERROR}
    assert route.channels == ()


def test_a_route_is_read_in_full():
    night, second = parse_routes(FULL)
    assert night.jobs == ("nightly-*", "billing")
    assert night.recoveries is False
    assert night.hours is not None
    assert (night.hours.begins, night.hours.ends) == (time(9), time(18))
    assert (night.limit.notices, night.limit.seconds) == (5, 3600)
    assert second.name == "route-2"
    assert second.channels == ("teams",)


def test_times_without_quotes_are_times_and_not_numbers_of_base_sixty():
    (route,) = parse_routes("- hours: {from: 18:00, to: 6:30:00}".replace("6:30:00", "06:30"))
    assert route.hours is not None
    assert (route.hours.begins, route.hours.ends) == (time(18), time(6, 30))


def test_json_is_read_too():
    (route,) = parse_routes('[{"jobs": "a*", "recoveries": true, "group_seconds": 0}]')
    assert route.jobs == ("a*",)
    assert route.recoveries is True
    assert route.group_seconds == 0
