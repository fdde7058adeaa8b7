"""Calendars in the store: read with their definitions, and an edit that closes a planned day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.values import Reason, RunState
from scheduler.ports import CursorMove
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World, new_run

DAY = timedelta(days=1)
ADD_CALENDAR = Statement("""
    INSERT INTO scheduler_calendar (name, country, holidays, days, revision)
    VALUES ('jp', 'JP', '{"2026-11-23": "勤労感謝の日"}',
            '{"2026-12-29": {"open": false, "note": "年末"}}', 4)
""")
USE_CALENDAR = Statement("""
    UPDATE scheduler_job_definition SET calendar = %(name)s, calendar_rule = 'next'
""")


@pytest.fixture
def definition(world: World) -> int:
    world.session.run(ADD_CALENDAR)
    return world.define()


def closing(definition: int, index: int, **changes):
    facts = {"reason": Reason.CALENDAR, "reason_detail": "a Monday off"}
    return new_run(definition, index, state=RunState.SKIPPED, **{**facts, **changes})


def edit(definition: int, *runs) -> CursorMove:
    ahead = T0 + timedelta(days=1)
    return replace(
        CursorMove(definition, 1, ahead, ahead, None, runs),
        replaces_after=T0 + timedelta(seconds=0.5),
    )


def test_a_definition_is_read_with_its_rule_and_the_revision_of_its_calendar(
    world: World, definition: int
):
    world.session.run(USE_CALENDAR, name="jp")
    (row,) = world.leader.due_definitions(T0, 10)
    assert (row.calendar, row.calendar_rule, row.calendar_revision) == ("jp", "next", 4)


@pytest.mark.parametrize("name", ["", "gone"])
def test_without_a_calendar_of_that_name_there_is_no_revision(
    world: World, definition: int, name: str
):
    world.session.run(USE_CALENDAR, name=name)
    (row,) = world.leader.due_definitions(T0, 10)
    assert (row.calendar, row.calendar_revision) == (name, None)


def test_a_calendar_is_read_whole(world: World, definition: int):
    found = world.leader.calendar("jp")
    assert found is not None
    assert found.revision == 4
    assert found.parts == {
        "name": "jp",
        "weekly_days_off": ["sat", "sun"],
        "holidays": {"2026-11-23": "勤労感謝の日"},
        "days": {"2026-12-29": {"open": False, "note": "年末"}},
        "holidays_from": None,
        "holidays_until": None,
    }
    assert world.leader.calendar("us") is None


class TestAnEditThatMakesADayOff:
    def test_skips_what_was_planned_ahead_and_has_not_started(self, world: World, definition: int):
        past, waiting, assigned, running = world.plan(definition, 4)
        world.start([running])
        world.assign([assigned])
        move = edit(definition, *(closing(definition, index) for index in range(4)))
        assert world.leader.record_plan(world.fence, [move]) == [definition]
        assert world.states() == {
            past: RunState.PENDING,
            waiting: RunState.SKIPPED,
            assigned: RunState.SKIPPED,
            running: RunState.RUNNING,
        }
        assert world.run_value(waiting, "reason") == "CALENDAR"
        assert world.run_value(waiting, "finished_at") is not None
        assert world.detail(assigned, "reason_detail") == "a Monday off"

    def test_leaves_a_worker_that_holds_the_order_nothing_to_claim(
        self, world: World, definition: int
    ):
        _, run = world.plan(definition, 2)
        sequence = world.assign([run])[run]
        world.leader.record_plan(world.fence, [edit(definition, closing(definition, 1))])
        hold = world.cluster.read().hold_seq
        assert world.workers.claim("w-1", [(run, sequence, run)], hold_seq=hold) == []

    def test_of_another_job_touches_nothing(self, world: World, definition: int):
        other = world.define("other")
        runs = world.plan(other, 2)
        world.leader.record_plan(world.fence, [edit(definition, closing(definition, 1))])
        assert {world.state(run) for run in runs} == {RunState.PENDING}

    def test_does_not_wake_a_slot_that_was_skipped(self, world: World, definition: int):
        (run,) = world.plan(definition, 1, state=RunState.SKIPPED, reason=Reason.CALENDAR)
        move = replace(edit(definition, new_run(definition)), replaces_after=T0 - timedelta(1))
        world.leader.record_plan(world.fence, [move])
        assert world.states() == {run: RunState.SKIPPED}

    def test_takes_away_what_was_skipped_ahead_and_is_no_slot_any_more(
        self, world: World, definition: int
    ):
        facts = {"state": RunState.SKIPPED, "reason": Reason.CALENDAR, "reason_detail": "off"}
        past, kept, gone = world.plan(definition, 3, **facts)
        (others,) = world.plan(world.define("other"), 1, **facts, scheduled_for=T0 + DAY)
        world.leader.record_plan(world.fence, [edit(definition, closing(definition, 1))])
        assert set(world.states()) == {past, kept, others}
        assert world.detail(gone, "reason_detail") is None
        assert world.detail(kept, "reason_detail") == "off"
