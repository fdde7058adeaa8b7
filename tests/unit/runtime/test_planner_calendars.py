"""The planner and the calendars of its jobs: read once for each revision, never guessed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.values import Reason
from scheduler.ports import Agenda, CalendarRow, CursorMove, DefinitionRow, LeaderStore
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.planner import Planner
from tests.unit.runtime.test_planner import Term
from tests.unit.runtime.worlds import NOON, FakeClock

DAY_OFF = {"name": "acme", "days": {NOON.date().isoformat(): {"open": False, "note": "inventory"}}}


class Store:
    """One hourly job; ``calendars`` are what the database holds, ``asked`` counts the looks."""

    def __init__(self, row: DefinitionRow) -> None:
        self.row = row
        self.calendars: list[CalendarRow | Exception] = [CalendarRow(3, DAY_OFF)]
        self.asked: list[str] = []
        self.moves: list[CursorMove] = []

    def due_definitions(self, until, limit):
        return [self.row]

    def calendar(self, name: str) -> CalendarRow:
        self.asked.append(name)
        found = self.calendars[-1]
        if isinstance(found, Exception):
            raise found
        return found

    def record_plan(self, fence, moves):
        self.moves += moves
        return [move.definition_id for move in moves]

    def agenda(self) -> Agenda:
        return Agenda(retries=False, requests=False, cancels=False, next_fire_at=None)


@pytest.fixture
def store() -> Store:
    return Store(
        DefinitionRow(
            definition_id=7,
            name="report",
            revision=1,
            schedule={"kind": "every_minutes", "minutes": 1},
            timezone="UTC",
            planned_until=NOON - timedelta(minutes=2),
            next_fire_at=NOON,
            enabled=True,
            misfire_policy="run_all",
            skip_late_after_seconds=None,
            starts_at=None,
            ends_at=None,
            edited_at=None,
            calendar="acme",
            calendar_revision=3,
        )
    )


def tick(planner: Planner) -> None:
    planner.tick(cast(Any, Term), Agenda(False, False, False, NOON))


@pytest.fixture
def planner(store: Store) -> Planner:
    return Planner(cast(LeaderStore, store), FakeClock(), RuntimeConfig, uuid4)


def test_a_day_off_is_skipped_with_its_name(store: Store, planner: Planner):
    tick(planner)
    (move,) = store.moves
    assert {run.reason for run in move.runs} == {Reason.CALENDAR}
    assert "a company day off: inventory (calendar acme)" in move.runs[0].reason_detail


def test_a_calendar_is_read_once_for_all_its_jobs_and_again_when_it_was_edited(
    store: Store, planner: Planner
):
    tick(planner)
    store.row = replace(store.row, definition_id=8)
    tick(planner)
    assert store.asked == ["acme"]
    store.row = replace(store.row, revision=2, calendar_revision=4)
    store.calendars.append(CalendarRow(4, {"name": "acme"}))
    tick(planner)
    assert store.asked == ["acme", "acme"]
    assert {run.reason for run in store.moves[-1].runs} == {None}


def test_a_calendar_edited_between_two_looks_leaves_the_job_to_the_next_tick(
    store: Store, planner: Planner
):
    store.calendars.append(CalendarRow(4, {"name": "acme"}))
    with capture_logs() as logs:
        tick(planner)
    assert store.moves == []
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


def test_a_database_that_is_away_is_no_fault_of_the_schedule(store: Store, planner: Planner):
    store.calendars.append(DatabaseUnavailable("db", "away"))
    with pytest.raises(DatabaseUnavailable):
        tick(planner)
    assert store.moves == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"calendar_revision": None}, "a calendar that exists"),
        ({"calendar_rule": "sometimes"}, "only, next, previous"),
    ],
)
def test_what_cannot_be_used_is_put_aside_with_an_error(
    store: Store, planner: Planner, changes, word: str
):
    store.row = replace(store.row, **changes)
    with capture_logs() as logs:
        tick(planner)
    (move,) = store.moves
    assert (move.runs, move.keeps_edit) == ((), True)
    assert move.planned_until_new == move.planned_until_old
    (error,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert word in error["reason"]


def test_a_calendar_that_was_deleted_and_made_again_is_read_anew(store: Store, planner: Planner):
    tick(planner)
    store.row = replace(store.row, revision=2, calendar_id=9)
    store.calendars.append(CalendarRow(3, {"name": "acme"}, calendar_id=9))
    tick(planner)
    assert store.asked == ["acme", "acme"]
    assert {run.reason for run in store.moves[-1].runs} == {None}


def test_a_disabled_job_needs_no_calendar(store: Store, planner: Planner):
    store.row = replace(store.row, calendar_revision=None, enabled=False)
    tick(planner)
    (move,) = store.moves
    assert (move.runs, move.keeps_edit) == ((), False)
