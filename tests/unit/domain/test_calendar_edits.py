"""Edits of calendars while nobody plans: what was due is due by the days as they were."""

from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.calendars import BusinessCalendar, CalendarDay, CalendarRule
from scheduler.domain.edits import planned_anew, read_segment
from scheduler.domain.errors import CalendarNotFound, InvalidSchedule
from scheduler.domain.planning import MisfirePolicy, PlanLimits, PlannableDefinition
from scheduler.domain.schedules import CalendarUse, parse_schedule
from scheduler.domain.values import Reason, RunState
from tests.unit.domain.builders import NOW
from tests.unit.domain.test_edits import ROOMY, SMALL, Book

MONDAY = NOW.date()
EVERY_DAY = BusinessCalendar("acme", frozenset())
MONDAY_OFF = BusinessCalendar("acme", frozenset(), {}, {MONDAY: CalendarDay(False, "inventory")})
TUESDAY_OFF = BusinessCalendar("acme", frozenset(), {date(2026, 11, 24): "a holiday"})
HOURLY = {"kind": "hourly", "minute": 0}
TWICE = {"kind": "cron", "expression": "30 7,22 * * *"}


@dataclass
class CalendarBook(Book):
    """A Book whose schedule is on a calendar."""

    calendar: BusinessCalendar = EVERY_DAY
    rule: CalendarRule = CalendarRule.ONLY
    missing: bool = field(default=False)

    def __post_init__(self):
        super().__post_init__()
        self.in_force = [(self.now, self._parsed(), self.enabled)]

    def calendar_use(self):
        if self.missing:
            raise CalendarNotFound("acme", [])
        return CalendarUse(self.calendar, self.rule)

    def change_days(self, calendar: BusinessCalendar) -> None:
        for column, value in planned_anew(self, self.now).items():
            setattr(self, column, value)
        self.calendar = calendar
        self.in_force.append((self.now, self._parsed(), self.enabled))

    def closed(self):
        return sorted(r.scheduled_for for r in self.rows.values() if r.reason is Reason.CALENDAR)

    def _parsed(self):
        return parse_schedule(self.schedule, use=CalendarUse(self.calendar, self.rule))

    def _plannable(self):
        return PlannableDefinition(
            definition_id=1,
            revision=1,
            schedule=self._parsed(),
            planned_until=self.planned_until,
            enabled=self.enabled,
            misfire_policy=self.policy,
            edited_at=self.edited_at,
            superseded=tuple(read_segment(segment) for segment in self.superseded),
        )


def a_book(**facts) -> CalendarBook:
    book = CalendarBook(**({"schedule": HOURLY, "policy": MisfirePolicy.RUN_ALL} | facts))
    book.tick()
    return book


def test_hours_of_a_day_that_was_off_stay_off_though_it_is_worked_by_now():
    book = a_book(calendar=MONDAY_OFF)
    book.wait(3 * 3600)
    book.change_days(EVERY_DAY)
    book.wait(2 * 3600)
    book.tick()
    assert [slot.hour for slot in book.closed()] == [7, 8, 9]
    assert [slot.hour for slot in book.of_state(RunState.PENDING)] == [10, 11]
    assert {r.detail for r in book.rows.values() if r.reason is Reason.CALENDAR} == {
        "2026-11-23 is a company day off: inventory (calendar acme)"
    }


def test_hours_of_a_day_that_was_worked_run_though_it_is_off_by_now():
    book = a_book()
    book.wait(3 * 3600)
    book.change_days(MONDAY_OFF)
    book.wait(2 * 3600)
    book.tick()
    assert [slot.hour for slot in book.of_state(RunState.PENDING)] == [7, 8, 9]
    assert [slot.hour for slot in book.closed()] == [10, 11]


def test_a_job_that_is_off_by_now_still_says_which_day_was_off():
    book = a_book(calendar=MONDAY_OFF)
    book.wait(3 * 3600)
    book.edit(enabled=False)
    book.tick()
    assert [slot.hour for slot in book.closed()] == [7, 8, 9]


def test_a_calendar_that_was_not_there_planned_nothing_and_owes_nothing():
    book = a_book()
    book.wait(3 * 3600)
    book.missing = True
    book.change_days(EVERY_DAY)
    with pytest.raises(InvalidSchedule) as caught:
        read_segment(book.superseded[0])
    assert caught.value.field == "calendar"


@pytest.mark.parametrize(
    "broken", [{"calendar": {"name": "x", "why": 1}}, {"calendar_rule": "x"}, {"calendar": 5}]
)
def test_a_segment_whose_calendar_cannot_be_read_is_refused(broken):
    book = a_book()
    book.wait(3 * 3600)
    book.change_days(MONDAY_OFF)
    with pytest.raises(InvalidSchedule):
        read_segment(book.superseded[0] | broken)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.one_of(st.integers(1, 5000), st.integers(1, 90_000))),
        st.just(("tick",)),
        st.tuples(st.just("change_days"), st.sampled_from([EVERY_DAY, MONDAY_OFF, TUESDAY_OFF])),
    ),
    max_size=12,
)


@pytest.mark.parametrize("limits", [SMALL, ROOMY, PlanLimits()])
@pytest.mark.parametrize(
    ("spec", "rule"), [(HOURLY, "only"), (TWICE, "only"), (TWICE, "next"), (TWICE, "previous")]
)
@given(steps=steps, policy=st.sampled_from(MisfirePolicy))
def test_every_slot_by_the_days_in_force_is_covered_once_whatever_ticks_and_edits(
    limits, spec, rule, steps, policy
):
    book = CalendarBook(spec, policy=policy, limits=limits, rule=CalendarRule(rule))
    for verb, *how in steps:
        getattr(book, verb)(*how)
    book.wait(1)
    book.tick()
    assert book.slots() == book.due()
    for row in book.rows.values():
        if row.reason is Reason.CALENDAR or row.state is RunState.PENDING:
            (schedule,) = [s for since, s, _ in book.in_force if since < row.scheduled_for][-1:]
            assert schedule.is_closed(row.scheduled_for) == (row.reason is Reason.CALENDAR)
