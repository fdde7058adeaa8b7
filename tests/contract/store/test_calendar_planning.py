"""Calendars from the plan to the rows: the real planner over the real store, the clock by hand.

Each slot has exactly one row, also after everything was down; what a day off skips says why, and
what it moved stands where it went.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from scheduler.domain.calendars import CalendarRule, parse_calendar
from scheduler.domain.edits import planned_anew
from scheduler.domain.schedules import CalendarUse
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.planner import Planner
from scheduler.store.statements import Statement
from tests.contract.store.world import World, as_time
from tests.unit.domain.japan import HOLIDAYS

TOKYO = ZoneInfo("Asia/Tokyo")
DAILY = {"kind": "daily", "at": "09:00"}
THIRD = {"kind": "monthly", "day": 3, "at": "09:00"}
HOUR = timedelta(hours=1)

ADD_CALENDAR = Statement("""
    INSERT INTO scheduler_calendar (name, holidays) VALUES ('jp', %(holidays)s::jsonb)
""")
CHANGE_CALENDAR = Statement("""
    UPDATE scheduler_calendar SET days = %(days)s::jsonb, revision = revision + 1
""")
SET_WHEN = Statement("""
    UPDATE scheduler_job_definition
    SET schedule = %(schedule)s::jsonb, timezone = 'Asia/Tokyo', calendar = %(calendar)s,
        calendar_rule = %(rule)s, misfire_policy = %(policy)s
""")
SET_EDIT = Statement("""
    UPDATE scheduler_job_definition
    SET revision = revision + 1, edited_at = %(edited_at)s, next_fire_at = %(edited_at)s,
        planned_until = coalesce(%(planned_until)s, planned_until),
        superseded = coalesce(%(superseded)s::jsonb, superseded)
""")
ROWS = Statement("""
    SELECT r.scheduled_for, r.state, r.reason, r.slot_count, coalesce(x.reason_detail, '')
    FROM scheduler_job_run AS r LEFT JOIN scheduler_job_run_detail AS x ON x.run_id = r.id
    ORDER BY r.scheduled_for
""")


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO).astimezone(UTC)


@dataclass
class Definition:
    """What ``planned_anew`` asks of a definition before its edit."""

    schedule: dict[str, Any]
    planned_until: datetime
    next_fire_at: datetime
    use: CalendarUse
    timezone: str = "Asia/Tokyo"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    enabled: bool = True
    edited_at: datetime | None = None
    superseded: list[dict[str, Any]] = field(default_factory=list)

    def calendar_use(self) -> CalendarUse:
        return self.use


class Leader:
    """Plans one job; ``now`` is the cluster's time, which only the test moves."""

    def __init__(self, world: World, now: str) -> None:
        self.world, self.at = world, tokyo(now)
        self._planner = Planner(world.leader, cast(Any, self), RuntimeConfig, uuid7)

    def now(self) -> datetime:
        return self.at

    def saves(self, schedule, rule="only", policy="run_once", calendar="jp") -> None:
        self.world.session.run(ADD_CALENDAR, holidays=json.dumps(HOLIDAYS))
        self.world.define(planned_until=self.at, next_fire_at=self.at)
        self.world.session.run(
            SET_WHEN, schedule=json.dumps(schedule), rule=rule, policy=policy, calendar=calendar
        )

    def ticks(self, now: str) -> None:
        """All that is due at an instant."""
        self.at = tokyo(now)
        while True:
            agenda = self.world.leader.agenda()
            if agenda.next_fire_at is None or agenda.next_fire_at > self.at:
                return
            self._planner.tick(cast(Any, Term(self.world.fence)), agenda)

    def ticks_each(self, step: timedelta, until: str) -> None:
        while self.at < tokyo(until):
            self.ticks((self.at + step).astimezone(TOKYO).replace(tzinfo=None).isoformat())

    def changes_days(self, days: dict[str, Any]) -> None:
        """A person changes the calendar while nobody plans: the request's part, in raw SQL."""
        value = self.world.value
        old = Definition(
            schedule=DAILY,
            planned_until=as_time(value("SELECT planned_until FROM scheduler_job_definition")),
            next_fire_at=as_time(value("SELECT next_fire_at FROM scheduler_job_definition")),
            use=CalendarUse(parse_calendar("jp", holidays=HOLIDAYS), CalendarRule.ONLY),
        )
        new = planned_anew(old, self.at)
        self.world.session.run(CHANGE_CALENDAR, days=json.dumps(days))
        self.world.session.run(
            SET_EDIT,
            edited_at=new["edited_at"],
            planned_until=new.get("planned_until"),
            superseded=json.dumps(new["superseded"]) if "superseded" in new else None,
        )

    def rows(self) -> list[tuple[str, str, str, int]]:
        return [
            (f"{as_time(at).astimezone(TOKYO):%m-%d}", f"{state} {reason}".strip(), detail, count)
            for at, state, reason, count, detail in self.world.session.run(ROWS)
        ]

    def outcomes(self) -> list[tuple[str, str]]:
        return [(day, what) for day, what, _detail, _count in self.rows()]


@dataclass
class Term:
    fence: Any
    epoch: int = 1


SKIPPED = "SKIPPED CALENDAR"
MAY = [
    ("05-01", "PENDING"),
    ("05-02", SKIPPED),
    ("05-03", SKIPPED),
    ("05-04", SKIPPED),
    ("05-05", SKIPPED),
    ("05-06", SKIPPED),
    ("05-07", "PENDING"),
]


@pytest.mark.parametrize("step", [HOUR, 7 * HOUR, timedelta(minutes=23)])
def test_golden_week_has_a_row_for_each_day_whatever_the_ticks(world: World, step: timedelta):
    leader = Leader(world, "2026-04-30 18:00")
    leader.saves(DAILY, policy="run_all")
    leader.ticks_each(step, "2026-05-07 18:00")
    assert leader.outcomes() == MAY
    details = {day: detail for day, _what, detail, _count in leader.rows()}
    assert details["05-02"] == "2026-05-02 is a Saturday (calendar jp)"
    assert details["05-04"] == "2026-05-04 is みどりの日 (calendar jp)"
    assert details["05-06"] == "2026-05-06 is 振替休日 (calendar jp)"
    assert details["05-07"] == ""


@pytest.mark.parametrize(
    ("policy", "first", "last"),
    [
        ("skip", "SKIPPED MISFIRE_SKIPPED", "SKIPPED MISFIRE_SKIPPED"),
        ("run_once", "SKIPPED MISFIRE_COALESCED", "PENDING"),
        ("run_all", "PENDING", "PENDING"),
    ],
)
def test_after_all_was_down_over_golden_week_each_day_has_one_row(
    world: World, policy: str, first: str, last: str
):
    leader = Leader(world, "2026-04-30 18:00")
    leader.saves(DAILY, policy=policy)
    leader.ticks("2026-05-07 15:00")
    assert leader.outcomes() == [("05-01", first), *MAY[1:6], ("05-07", last)]
    leader.ticks("2026-05-07 15:05")
    assert len(leader.rows()) == 7


def test_after_all_was_down_since_a_working_day_that_day_runs_not_the_days_off(world: World):
    leader = Leader(world, "2026-04-30 18:00")
    leader.saves(DAILY)
    leader.ticks("2026-05-05 15:00")
    assert leader.outcomes() == MAY[:5]


def test_a_frequent_job_that_was_down_for_hours_of_a_day_off_runs_none_of_them(world: World):
    leader = Leader(world, "2026-05-01 23:30")
    leader.saves({"kind": "every_minutes", "minutes": 1})
    leader.ticks("2026-05-02 05:00")
    rows = leader.rows()
    assert [row[1] for row in rows].count("PENDING") == 1
    assert sum(count for _day, _what, _detail, count in rows) == 330
    missed, *on_time = [row for row in rows if row[0] == "05-02"]
    assert missed[1:] == (SKIPPED, "2026-05-02 is a Saturday (calendar jp)", 295)
    assert [row[1] for row in on_time] == [SKIPPED] * 6


@pytest.mark.parametrize(
    ("rule", "day", "detail"),
    [
        ("next", "05-07", "moved from 2026-05-03, which is 憲法記念日 (calendar jp)"),
        ("previous", "05-01", "moved from 2026-05-03, which is 憲法記念日 (calendar jp)"),
    ],
)
@pytest.mark.parametrize("step", [HOUR, 50 * HOUR])
def test_a_moved_slot_appears_once_where_it_went(
    world: World, rule: str, day: str, detail: str, step: timedelta
):
    leader = Leader(world, "2026-04-20 00:30")
    leader.saves(THIRD, rule)
    leader.ticks_each(step, "2026-05-20 00:00")
    assert leader.rows() == [(day, "PENDING", detail, 1)]


def test_a_slot_moved_earlier_is_caught_up_when_all_was_down_on_its_day(world: World):
    leader = Leader(world, "2026-04-30 18:00")
    leader.saves(THIRD, "previous")
    leader.ticks("2026-05-01 15:00")
    leader.ticks("2026-05-03 09:00")
    leader.ticks("2026-05-07 09:00")
    assert leader.outcomes() == [("05-01", "PENDING")]


def test_slots_that_are_moved_onto_one_another_are_one_row(world: World):
    leader = Leader(world, "2026-04-30 18:00")
    leader.saves(DAILY, "next")
    leader.ticks_each(5 * HOUR, "2026-05-08 12:00")
    assert leader.outcomes() == [(day, "PENDING") for day in ("05-01", "05-07", "05-08")]


def test_month_end_is_the_last_business_day(world: World):
    leader = Leader(world, "2026-01-01 00:00")
    leader.saves({"kind": "business_day", "nth": -1, "at": "09:00"})
    leader.ticks_each(timedelta(hours=13), "2026-06-01 00:00")
    assert [day for day, _ in leader.outcomes()] == ["01-30", "02-27", "03-31", "04-30", "05-29"]


class TestAnEditOfTheCalendar:
    CLOSED = {"2026-05-08": {"open": False, "note": "inventory"}}

    def test_counts_from_its_own_instant_on(self, world: World):
        leader = Leader(world, "2026-05-06 18:00")
        leader.saves(DAILY, policy="run_all")
        leader.ticks("2026-05-07 09:00")
        leader.changes_days(self.CLOSED)
        leader.ticks_each(HOUR, "2026-05-11 12:00")
        found = leader.rows()
        assert leader.outcomes() == [
            ("05-07", "PENDING"),
            ("05-08", SKIPPED),
            ("05-09", SKIPPED),
            ("05-10", SKIPPED),
            ("05-11", "PENDING"),
        ]
        assert found[1][2] == "2026-05-08 is a company day off: inventory (calendar jp)"

    def test_while_nobody_plans_leaves_the_days_before_it_as_they_were(self, world: World):
        """The calendar closes the 7th and the 8th, after the 7th: that day was a working day."""
        leader = Leader(world, "2026-05-05 18:00")
        leader.saves(DAILY, policy="run_all")
        leader.at = tokyo("2026-05-07 15:00")
        leader.changes_days({**self.CLOSED, "2026-05-07": {"open": False, "note": "late"}})
        leader.ticks("2026-05-08 15:00")
        assert leader.outcomes() == [("05-06", SKIPPED), ("05-07", "PENDING"), ("05-08", SKIPPED)]

    def test_between_the_look_and_the_plan_costs_only_another_look(self, world: World):
        leader = Leader(world, "2026-05-06 18:00")
        leader.saves(DAILY)
        leader.ticks("2026-05-07 09:00")
        world.session.run(CHANGE_CALENDAR, days="{}")
        world.session.run(Statement("UPDATE scheduler_job_definition SET revision = 2"))
        leader.ticks("2026-05-08 09:00")
        assert [day for day, _ in leader.outcomes()] == ["05-07", "05-08"]


def test_a_job_whose_calendar_is_not_there_is_put_aside_with_an_error(world: World):
    leader = Leader(world, "2026-05-06 18:00")
    leader.saves(DAILY, calendar="gone")
    with capture_logs() as logs:
        leader.ticks("2026-05-07 09:00")
    assert leader.rows() == []
    (error,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert "the name of a calendar that exists" in error["reason"]
