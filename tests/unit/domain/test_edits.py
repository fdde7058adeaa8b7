"""Edits while nobody plans: what the old schedules owe up to the edit is covered all the same."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.edits import end_of_segment, planned_anew, read_segment
from scheduler.domain.errors import InvalidSchedule
from scheduler.domain.planning import (
    MisfirePolicy,
    PlanLimits,
    PlannableDefinition,
    PlannedSlot,
    plan,
    replaces_after,
)
from scheduler.domain.schedules import Schedule, parse_schedule
from scheduler.domain.values import Reason, RunState
from tests.unit.domain.builders import NOW, seconds

SMALL = PlanLimits(missed_rows=4, rows=6, scan=25)
ROOMY = PlanLimits(missed_rows=3000, rows=500, scan=9000)
MINUTELY = {"kind": "every_minutes", "minutes": 1}
TEN_MINUTES = {"kind": "every_minutes", "minutes": 10}
HOURLY = {"kind": "hourly", "minute": 0}
SECONDLY = {"kind": "cron", "expression": "* * * * * *"}
TICKS_AT_MOST = 5000


@dataclass
class Book:
    """A definition's row, its timed runs (none has started), and the schedules in force."""

    schedule: dict[str, Any]
    policy: MisfirePolicy = MisfirePolicy.SKIP
    limits: PlanLimits = field(default_factory=PlanLimits)
    now: datetime = NOW
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    enabled: bool = True
    ahead: float = 0.0

    def __post_init__(self):
        self.planned_until = self.now
        self.edited_at: datetime | None = self.now
        self.next_fire_at: datetime | None = self.now
        self.superseded: list[dict[str, Any]] = []
        self.rows: dict[str, PlannedSlot] = {}
        self.in_force = [(self.now, parse_schedule(self.schedule), self.enabled)]

    def calendar_use(self):
        return None

    def wait(self, count: float) -> None:
        self.now += seconds(count)

    def edit(self, schedule=None, enabled=True):
        for column, value in planned_anew(self, self.now).items():
            setattr(self, column, value)
        self.enabled = enabled
        if schedule is not None:
            self.schedule = schedule
        self.in_force.append((self.now, parse_schedule(self.schedule), enabled))

    def tick(self) -> int:
        """The leader plans until nothing is due; returns how many moves that took."""
        horizon = self.now + seconds(self.ahead)
        for moves in range(TICKS_AT_MOST):
            if self.next_fire_at is None or self.next_fire_at > horizon:
                return moves
            self._apply(*plan([self._plannable()], self.now, horizon, self.limits))
        raise AssertionError("the planner does not come to an end")

    def slots(self) -> list[datetime]:
        """What the rows cover, in order of time, once for each row."""
        found = []
        for row in self.rows.values():
            own = [row.scheduled_for]
            if row.scheduled_until is not None:
                own = self._between(row.scheduled_for - seconds(1e-6), row.scheduled_until)
            assert len(own) == row.slot_count
            found += own
        return sorted(found)

    def due(self) -> list[datetime]:
        """The slots up to the cursor, each by the schedule in force at its instant."""
        return self._between(NOW, self.planned_until)

    def of_state(self, state: RunState) -> list[datetime]:
        return sorted(row.scheduled_for for row in self.rows.values() if row.state is state)

    def _between(self, start: datetime, end: datetime) -> list[datetime]:
        ends = [since for since, _schedule, _enabled in self.in_force[1:]] + [end]
        found: list[datetime] = []
        for (since, schedule, enabled), until in zip(self.in_force, ends, strict=True):
            if enabled and max(since, start) < min(until, end):
                found += schedule.between(max(since, start), min(until, end), 99_999)
        return found

    def _plannable(self) -> PlannableDefinition:
        """With what the planner reads of the rows where an edit waits."""
        definition = self._as_edited()
        after = replaces_after(definition)
        if after is None:
            return definition
        own = (row.scheduled_for for row in self.rows.values() if row.slot_count == 1)
        return replace(definition, kept=frozenset(slot for slot in own if slot > after))

    def _as_edited(self) -> PlannableDefinition:
        return PlannableDefinition(
            definition_id=1,
            revision=1,
            schedule=parse_schedule(self.schedule),
            planned_until=self.planned_until,
            enabled=self.enabled,
            misfire_policy=self.policy,
            edited_at=self.edited_at,
            superseded=tuple(read_segment(segment) for segment in self.superseded),
        )

    def _apply(self, move):
        """The store's part: unstarted rows that the plan lacks go, rows it has stay."""
        assert move.planned_until_old == self.planned_until
        keys = {slot.slot_key for slot in move.slots}
        after = move.replaces_after
        gone = [k for k, r in self.rows.items() if after and r.scheduled_for > after]
        for key in set(gone) - keys:
            del self.rows[key]
        for slot in move.slots:
            self.rows.setdefault(slot.slot_key, slot)
        self.planned_until, self.next_fire_at = move.planned_until_new, move.next_fire_at
        if not move.keeps_edit:
            self.edited_at, self.superseded = None, []


def stopped_for_two_hours(**facts) -> Book:
    """Planned at NOW; then nobody plans for two hours."""
    book = Book(**({"schedule": TEN_MINUTES} | facts))
    book.tick()
    book.wait(7200)
    return book


def test_slots_of_the_old_schedule_up_to_the_edit_get_their_rows():
    book = stopped_for_two_hours()
    book.edit(HOURLY)
    book.wait(3600)
    book.tick()
    old = [NOW + timedelta(minutes=10 * count) for count in range(1, 13)]
    assert book.slots() == [*old, NOW + timedelta(hours=3)]
    assert (book.edited_at, book.superseded) == (None, [])


def test_two_edits_while_nobody_plans_are_both_remembered_in_order():
    book = stopped_for_two_hours()
    book.edit(HOURLY)
    book.wait(7200)
    book.edit({"kind": "hourly", "minute": 30})
    assert [segment["schedule"] for segment in book.superseded] == [TEN_MINUTES, HOURLY]
    book.wait(3600)
    book.tick()
    assert len(book.slots()) == 12 + 2 + 1
    assert book.slots() == book.due()


def test_the_newest_of_all_missed_slots_runs_once_whichever_schedule_it_is_of():
    book = stopped_for_two_hours(policy=MisfirePolicy.RUN_ONCE)
    book.edit(HOURLY)
    book.wait(5400)
    book.tick()
    assert book.of_state(RunState.PENDING) == [NOW + timedelta(hours=3)]
    assert len(book.of_state(RunState.SKIPPED)) == 12


def test_time_spent_disabled_owes_nothing_and_the_time_before_does():
    book = stopped_for_two_hours()
    book.edit(enabled=False)
    book.wait(7200)
    book.edit(enabled=True)
    book.wait(600)
    book.tick()
    assert len(book.slots()) == 12 + 1
    assert book.slots() == book.due()


def test_disabled_while_nobody_planned_and_enabled_later_creates_nothing_for_the_time_off():
    book = Book(TEN_MINUTES, enabled=False)
    book.tick()
    book.wait(7200)
    book.edit(enabled=True)
    assert book.superseded == []
    book.wait(600)
    book.tick()
    assert book.slots() == [NOW + seconds(7800)]


@pytest.mark.parametrize("policy", list(MisfirePolicy))
def test_a_job_that_is_off_by_now_skips_what_it_owes(policy):
    book = stopped_for_two_hours(policy=policy)
    book.edit(enabled=False)
    book.tick()
    rows = list(book.rows.values())
    assert len(rows) == 12
    assert {(row.state, row.reason) for row in rows} == {(RunState.SKIPPED, Reason.MISFIRE_SKIPPED)}
    assert rows[0].detail == "nobody planned it for 6600 s; the job is now off"
    assert book.next_fire_at is None


def test_an_edit_that_comes_after_all_was_planned_owes_nothing():
    book = Book(TEN_MINUTES, ahead=600)
    book.wait(5)
    book.tick()
    book.wait(5)
    book.edit(HOURLY)
    assert book.superseded == []
    assert book.planned_until == book.edited_at == book.now
    book.tick()
    assert book.slots() == []


def test_an_edit_between_two_slots_owes_nothing():
    book = Book(HOURLY)
    book.tick()
    book.wait(1800)
    book.edit(MINUTELY)
    assert book.superseded == []


def test_rows_planned_ahead_by_a_schedule_long_gone_are_replaced():
    book = Book(MINUTELY, ahead=600)
    book.tick()
    book.wait(30)
    book.edit(TEN_MINUTES)
    book.wait(1200)
    book.edit(HOURLY)
    book.wait(60)
    book.tick()
    assert book.slots() == [NOW + timedelta(minutes=10), NOW + timedelta(minutes=20)]
    assert book.slots() == book.due()


def test_no_shared_row_spans_an_edit():
    book = stopped_for_two_hours(schedule=MINUTELY)
    book.edit(TEN_MINUTES)
    book.wait(36_000)
    book.edit(MINUTELY)
    book.wait(90 * 60 + 299)
    book.tick()
    shared = [row.scheduled_until for row in book.rows.values() if row.slot_count > 1]
    assert shared[0] == NOW + seconds(7200)
    assert len(shared) == 2
    assert book.slots() == book.due()


@pytest.mark.parametrize("policy", list(MisfirePolicy))
def test_rows_kept_over_an_edit_stay_out_of_the_shared_row(policy):
    book = Book(MINUTELY, policy=policy, ahead=300)
    book.tick()
    book.wait(30)
    book.edit({"kind": "interval", "seconds": 60, "anchor": NOW.isoformat()})
    book.wait(200 * 60)
    book.tick()
    kept = [NOW + timedelta(minutes=count) for count in range(1, 6)]
    own = [row.scheduled_for for row in book.rows.values() if row.slot_count == 1]
    assert set(kept) < set(own)
    assert book.slots() == book.due()


def test_more_owed_than_one_look_shows_is_covered_by_ticks_that_follow_at_once():
    book = stopped_for_two_hours(schedule=SECONDLY, limits=PlanLimits(100, 500, 2000))
    book.edit(HOURLY)
    book.wait(30)
    assert book.tick() > 3
    assert book.slots() == book.due()
    assert len(book.slots()) == 7200


def test_a_clock_that_went_back_over_the_edits_loses_and_doubles_no_slot():
    book = stopped_for_two_hours()
    book.edit(MINUTELY)
    book.wait(-1200)
    book.edit(MINUTELY)
    book.wait(3600)
    book.tick()
    found = book.slots()
    assert len(set(found)) == len(found)
    assert [slot for slot in found if slot <= NOW + seconds(7200)] == [
        NOW + timedelta(minutes=10 * count) for count in range(1, 13)
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schedule": {"kind": "cron", "expression": "61 * * * *"}}, "expression (minute)"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"ends_at": "2026-11-23T06:00:00"}, "ends_at"),
        ({"until": None}, "until"),
    ],
)
def test_a_segment_that_cannot_be_read_is_refused_by_field(changes, field):
    book = stopped_for_two_hours()
    book.edit(HOURLY)
    with pytest.raises(InvalidSchedule) as caught:
        read_segment(book.superseded[0] | changes)
    assert caught.value.field == field


def test_the_end_of_a_segment_is_read_where_the_rest_cannot_be():
    assert end_of_segment({"schedule": 5, "until": NOW.isoformat()}) == NOW
    assert end_of_segment({"until": "soon"}) is None


def test_a_window_counts_for_the_old_slots_as_it_did():
    book = stopped_for_two_hours(ends_at=NOW + seconds(1200))
    book.edit(HOURLY)
    past = read_segment(book.superseded[0])
    assert isinstance(past.schedule, Schedule)
    assert past.schedule.next_after(NOW + seconds(1200)) is None
    assert past.until == book.now


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.one_of(st.integers(1, 90), st.integers(1, 5000))),
        st.just(("tick",)),
        st.tuples(
            st.just("edit"),
            st.sampled_from([MINUTELY, TEN_MINUTES, HOURLY, {"kind": "daily", "at": "06:30"}]),
            st.booleans(),
        ),
    ),
    max_size=14,
)


@pytest.mark.parametrize(("limits", "ahead"), [(SMALL, 0), (SMALL, 600), (ROOMY, 5), (ROOMY, 600)])
@given(steps=steps, policy=st.sampled_from(MisfirePolicy))
def test_every_slot_of_the_schedule_in_force_is_covered_once_whatever_ticks_and_edits(
    limits, ahead, steps, policy
):
    book = Book(MINUTELY, policy=policy, limits=limits, ahead=ahead)
    for verb, *how in steps:
        getattr(book, verb)(*how)
    book.wait(1)
    book.tick()
    assert book.slots() == book.due()
    assert book.planned_until >= max(since for since, _schedule, _enabled in book.in_force)
