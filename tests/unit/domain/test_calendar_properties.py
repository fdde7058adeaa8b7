"""What holds for every schedule on every calendar: nothing is lost and nothing doubled."""

from calendar import monthrange
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.calendars import (
    BusinessCalendar,
    CalendarDay,
    CalendarRule,
)
from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.planning import MisfirePolicy, PlannableDefinition
from scheduler.domain.schedules import CalendarUse, Window, parse_schedule
from scheduler.domain.schedules.walltime import resolve
from scheduler.domain.values import Reason, RunState
from tests.unit.domain.builders import NOW
from tests.unit.domain.test_planning_properties import SMALL, aheads, covered, play, waits

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
ZONES = ["UTC", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
FAR = datetime(2028, 1, 1, tzinfo=UTC)

days_of_year = st.dates(FIRST, LAST)
calendars = st.builds(
    BusinessCalendar,
    name=st.just("any"),
    weekly_days_off=st.frozensets(st.integers(0, 6), max_size=6),
    holidays=st.dictionaries(days_of_year, st.just("holiday"), max_size=12),
    days=st.dictionaries(days_of_year, st.builds(CalendarDay, st.booleans()), max_size=25),
)
long_closures = st.builds(
    lambda first, length: BusinessCalendar(
        "closed",
        days={first + timedelta(days=n): CalendarDay(False) for n in range(length)},
    ),
    days_of_year,
    st.integers(1, 40),
)
rules = st.sampled_from(CalendarRule)
uses = st.builds(CalendarUse, calendars | long_closures, rules)
times = st.times().map(lambda at: at.isoformat("seconds"))
fixed_specs = st.one_of(
    st.fixed_dictionaries({"kind": st.just("daily"), "at": times}),
    st.fixed_dictionaries(
        {"kind": st.just("weekly"), "at": times, "day": st.sampled_from(["mon", "sat", "sun"])}
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("monthly"),
            "at": times,
            "day": st.integers(1, 31) | st.just("last"),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("business_day"),
            "at": times,
            "nth": st.sampled_from([1, 2, 4, -1, -2, -4]),
        }
    ),
    st.sampled_from(
        [
            {"kind": "cron", "expression": "15,45 1,2,23 * * *"},
            {"kind": "cron", "expression": "30 0 12 1,15 * sat,sun"},
            {"kind": "cron", "expression": "0 0 29 2 *"},
            {"kind": "once", "at": "2026-03-08T02:30:00"},
            {"kind": "once", "at": "2026-05-03T20:00:00+00:00"},
        ]
    ),
)
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(2025, 12, 1), datetime(2027, 1, 31), timezones=st.just(UTC))
windows = st.just(Window()) | st.builds(
    lambda start, length: Window(start, start + timedelta(days=length)),
    instants,
    st.integers(0, 90),
)


def made(spec, zone, window, use):
    """None where the calendar has no month with so many business days."""
    try:
        return parse_schedule(spec, zone, window, use)
    except InvalidSchedule:
        return None


schedules = st.builds(made, fixed_specs, zones, windows, uses).filter(lambda made: made is not None)


@given(schedules, instants)
def test_between_is_the_next_slot_again_and_again(schedule, start):
    found, instant = [], schedule.next_after(start)
    while instant is not None and instant < FAR and len(found) < 15:
        assert instant > start
        assert not found or instant > found[-1]
        assert instant.tzinfo is UTC
        assert instant.microsecond == 0
        found.append(instant)
        instant = schedule.next_after(instant)
    assert schedule.between(start, FAR, 15) == [slot for slot in found if slot <= FAR]


@given(schedules, instants, st.lists(st.integers(0, 20 * 86_400), max_size=8))
def test_no_slot_is_lost_or_doubled_wherever_the_time_is_cut(schedule, start, steps):
    pieces, cursor = [], start
    for step in steps:
        reached = cursor + timedelta(seconds=step)
        pieces += schedule.between(cursor, reached, 99_999)
        cursor = reached
    assert pieces == schedule.between(start, cursor, 99_999)


@given(schedules, instants, st.integers(0, 40 * 86_400))
def test_asking_earlier_never_finds_a_later_slot(schedule, start, seconds):
    later_question = schedule.next_after(start)
    if later_question is not None:
        earlier_question = schedule.next_after(start - timedelta(seconds=seconds))
        assert earlier_question is not None
        assert earlier_question <= later_question
        assert earlier_question <= start or earlier_question == later_question


@given(schedules, instants)
def test_every_slot_lies_within_the_window_and_on_a_business_day_unless_it_is_closed(
    schedule, start
):
    window, calendar = schedule.window, schedule.use.calendar
    for slot in schedule.between(start, FAR, 10):
        assert window.not_before is None or window.not_before <= slot <= window.not_after
        day = slot.astimezone(schedule.zone).date()
        assert schedule.is_closed(slot) == (not calendar.is_business_day(day))
        assert bool(schedule.note(slot)) >= schedule.is_closed(slot)


@given(
    st.sampled_from(["08:15", "23:59:59", "00:00"]),
    st.integers(1, 31) | st.just("last"),
    zones,
    calendars | long_closures,
    st.sampled_from([CalendarRule.NEXT, CalendarRule.PREVIOUS]),
)
def test_moved_slots_are_those_that_a_walk_month_by_month_finds(at, day, zone, calendar, rule):
    spec = {"kind": "monthly", "day": day, "at": at}
    schedule = parse_schedule(spec, zone, use=CalendarUse(calendar, rule))
    expected = set()
    for year, month in product((2025, 2026, 2027), range(1, 13)):
        last = monthrange(year, month)[1]
        if day == "last" or day <= last:
            named = date(year, month, last if day == "last" else day)
            moved = datetime.combine(calendar.target(named, rule), time.fromisoformat(at))
            expected.add(resolve(moved, schedule.zone))
    start, end = datetime(2025, 9, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC)
    wanted = sorted(slot for slot in expected if start < slot <= end)
    assert schedule.between(start, end, 9999) == wanted


@given(schedules, instants, st.integers(0, 60))
def test_runs_between_is_between_without_what_is_closed(schedule, start, days):
    end = start + timedelta(days=days)
    expected = [s for s in schedule.between(start, end, 99_999) if not schedule.is_closed(s)]
    assert schedule.runs_between(start, end, 99_999) == expected
    assert schedule.runs_between(start, end, 3) == expected[:3]


@given(schedules, instants, st.integers(0, 40))
def test_the_days_around_a_time_are_enough_for_its_slots(schedule, start, days):
    """A segment of an old schedule is planned by these alone."""
    end = start + timedelta(days=days)
    around = schedule.use.calendar.around(
        start.astimezone(schedule.zone).date(), end.astimezone(schedule.zone).date()
    )
    part = replace(schedule, use=CalendarUse(around, schedule.use.rule))
    slots = schedule.between(start, end, 99_999)
    assert part.between(start, end, 99_999) == slots
    assert [part.note(slot) for slot in slots] == [schedule.note(slot) for slot in slots]


# ----------------------------------------------------------------------------- the ledger

CLOSED_HERE_AND_THERE = BusinessCalendar(
    "gaps",
    frozenset({5, 6}),
    {date(2026, 11, 23): "勤労感謝の日"},
    {date(2026, 11, 25): CalendarDay(False, "inventory")},
)
FREQUENT = [
    {"kind": "every_minutes", "minutes": 20},
    {"kind": "interval", "seconds": 3700, "anchor": "2026-11-23T05:59:11+00:00"},
    {"kind": "cron", "expression": "*/10 * 6 * * *"},
    {"kind": "daily", "at": "01:30"},
]
MOVABLE = [
    {"kind": "daily", "at": "01:30"},
    {"kind": "cron", "expression": "10,40 1,9,17 * * *"},
    {"kind": "business_day", "nth": -4, "at": "12:00"},
]


def on_gaps(spec, rule):
    return parse_schedule(spec, "Asia/Tokyo", use=CalendarUse(CLOSED_HERE_AND_THERE, rule))


definitions = st.builds(
    PlannableDefinition,
    definition_id=st.just(1),
    revision=st.just(1),
    schedule=st.one_of(
        st.builds(on_gaps, st.sampled_from(FREQUENT), st.just(CalendarRule.ONLY)),
        st.builds(on_gaps, st.sampled_from(MOVABLE), rules),
    ),
    planned_until=st.just(NOW),
    misfire_policy=st.sampled_from(MisfirePolicy),
    skip_late_after_seconds=st.sampled_from([0.0, 60.0, 300.0]),
)
long_waits = st.lists(st.integers(0, 90_000), min_size=1, max_size=8)


@given(definitions, waits | long_waits, aheads)
def test_every_slot_is_covered_exactly_once_and_what_is_closed_never_runs(definition, waits, ahead):
    rows, end = play(definition, waits, ahead)
    schedule = definition.schedule
    assert covered(definition, rows) == schedule.between(NOW, end, 99_999)
    assert len({row.slot_key for row in rows}) == len(rows)
    for row in rows:
        if row.slot_count == 1 and schedule.is_closed(row.scheduled_for):
            assert (row.state, row.detail) == (RunState.SKIPPED, schedule.note(row.scheduled_for))
        if row.state is RunState.PENDING:
            assert not schedule.is_closed(row.scheduled_for)
        if row.reason is Reason.CALENDAR:
            last = row.scheduled_until or row.scheduled_for
            before = row.scheduled_for - timedelta(microseconds=1)
            assert schedule.runs_between(before, last, 9) == []


@given(definitions, st.integers(0, 400_000))
def test_the_newest_missed_slots_that_may_run_are_those_that_run(definition, stop):
    rows, _end = play(definition, [stop], ahead=0)
    late = timedelta(seconds=definition.skip_late_after_seconds)
    limit = NOW + timedelta(seconds=stop) - late - timedelta(microseconds=1)
    missed = definition.schedule.runs_between(NOW, limit, 99_999)
    kept = {
        MisfirePolicy.SKIP: [],
        MisfirePolicy.RUN_ONCE: missed[-1:],
        MisfirePolicy.RUN_ALL: missed[-SMALL.missed_rows :],
    }[definition.misfire_policy]
    assert [row.scheduled_for for row in rows if row.due_at > row.scheduled_for] == kept
