"""Slots of backfills become requests once each, at the pace of each backfill."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from scheduler.domain.backfilling import slot_key
from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import Fence, RunState
from scheduler.runtime.backfiller import FED_AT_ONCE, Backfiller
from scheduler.runtime.clock import SystemClock
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.planner import Planner
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World, new_run

ADD_BACKFILL = Statement("""
    INSERT INTO scheduler_backfill (id, definition_id, since, until, pace, args, slot_count)
    VALUES (%(id)s, %(definition_id)s, %(since)s, %(since)s, %(pace)s, '["--day"]'::jsonb, 1)
""")
ADD_SLOT = Statement("""
    INSERT INTO scheduler_backfill_slot (backfill_id, scheduled_for, slot_key)
    VALUES (%(backfill)s, %(slot)s, %(key)s)
""")


def backfill(world: World, definition: int, slots: int = 3, pace: int = 2) -> UUID:
    made = uuid7()
    world.session.run(ADD_BACKFILL, id=made, definition_id=definition, since=T0, pace=pace)
    for slot in slots_of(slots):
        world.session.run(ADD_SLOT, backfill=made, slot=slot, key=slot_key(made, slot))
    return made


def slots_of(count: int) -> list[datetime]:
    return [T0 + timedelta(hours=hour) for hour in range(count)]


def take_requests(world: World) -> list[UUID]:
    """The leader turns requests into runs, as its planner does."""
    runs = [
        (
            row.request_id,
            new_run(
                row.definition_id,
                slot_key=row.slot_key,
                scheduled_for=row.scheduled_for,
                due_at=row.scheduled_for,
            ),
        )
        for row in world.leader.unhandled_requests(100)
    ]
    world.leader.record_requests(world.fence, runs)
    return [run.run_id for _, run in runs]


def under_way(world: World) -> list[int]:
    return [row.under_way for row in world.leader.open_backfills(10)]


def test_an_open_backfill_is_on_the_agenda_until_it_is_closed(world: World):
    assert not world.leader.agenda().backfills
    made = backfill(world, world.define())
    assert world.leader.agenda().backfills
    assert world.leader.close_backfills(world.fence, [made]) == [made]
    assert not world.leader.agenda().backfills
    assert world.leader.close_backfills(world.fence, [made]) == []


def test_the_next_slots_become_requests_oldest_first(world: World):
    definition = world.define()
    made = backfill(world, definition)
    assert world.leader.feed_backfill(world.fence, made, 2) == 2
    rows = world.leader.unhandled_requests(10)
    assert {row.slot_key for row in rows} == {slot_key(made, slot) for slot in slots_of(2)}
    assert {row.scheduled_for for row in rows} == set(slots_of(2))
    assert all(row.args == ["--day"] and row.definition_id == definition for row in rows)


def test_each_slot_is_handed_on_once(world: World):
    made = backfill(world, world.define(), slots=3)
    assert world.leader.feed_backfill(world.fence, made, 2) == 2
    assert world.leader.feed_backfill(world.fence, made, 2) == 1
    assert world.leader.feed_backfill(world.fence, made, 2) == 0
    keys = [row.slot_key for row in world.leader.unhandled_requests(10)]
    assert len(keys) == len(set(keys)) == 3


def test_a_slot_is_under_way_until_its_run_has_an_outcome(world: World):
    made = backfill(world, world.define())
    assert under_way(world) == [0]
    world.leader.feed_backfill(world.fence, made, 1)
    assert under_way(world) == [1], "requested"
    (run,) = take_requests(world)
    assert under_way(world) == [1], "planned"
    tokens = world.start([run])
    assert under_way(world) == [1], "running"
    world.session.run(
        Statement("""
            UPDATE scheduler_job_run SET state = 'FAILED', finished_at = clock_timestamp(),
                   retry_due_at = clock_timestamp() WHERE id = %(id)s
        """),
        id=run,
    )
    assert under_way(world) == [1], "to be tried again"
    (again,) = world.leader.spawn_retries(world.fence, 10)
    assert under_way(world) == [1], "tried again"
    world.session.run(
        Statement("""
            UPDATE scheduler_job_run SET state = 'SUCCEEDED', finished_at = clock_timestamp()
            WHERE id = %(id)s
        """),
        id=again,
    )
    assert under_way(world) == [0]
    assert tokens


def test_backfills_are_counted_apart(world: World):
    definition = world.define()
    first, second = backfill(world, definition), backfill(world, definition)
    world.leader.feed_backfill(world.fence, first, 2)
    found = {row.backfill_id: row.under_way for row in world.leader.open_backfills(10)}
    assert found == {first: 2, second: 0}


def test_the_pace_and_policy_are_read(world: World):
    backfill(world, world.define(), pace=7)
    (row,) = world.leader.open_backfills(10)
    assert (row.pace, row.concurrency_policy, row.deleted) == (7, "allow", False)


def test_a_deleted_job_has_nothing_handed_on(world: World):
    made = backfill(world, world.define())
    world.delete_definitions()
    assert world.leader.open_backfills(10)[0].deleted
    assert world.leader.feed_backfill(world.fence, made, 2) == 0


def test_a_closed_backfill_hands_nothing_on(world: World):
    made = backfill(world, world.define())
    world.leader.close_backfills(world.fence, [made])
    assert world.leader.feed_backfill(world.fence, made, 2) == 0
    assert world.leader.open_backfills(10) == []


def test_a_deposed_leader_hands_nothing_on(world: World):
    made = backfill(world, world.define())
    old: Fence = world.fence
    world.elect("w-2")
    with pytest.raises(StaleEpoch):
        world.leader.feed_backfill(old, made, 1)
    with pytest.raises(StaleEpoch):
        world.leader.close_backfills(old, [made])
    assert world.leader.unhandled_requests(10) == []


def test_the_run_of_a_slot_comes_after_what_is_due_now(world: World):
    definition = world.define()
    made = backfill(world, definition, slots=1)
    world.leader.feed_backfill(world.fence, made, 1)
    (late,) = take_requests(world)
    (timed,) = world.plan(definition)
    waiting = world.leader.waiting(T0 + timedelta(days=1), 10, heads=10)
    assert [row.run_id for row in waiting] == [timed, late]
    assert world.state(late) is RunState.PENDING


class Term:
    def __init__(self, world: World) -> None:
        self.fence, self.epoch = world.fence, world.fence.epoch


def test_backfills_that_cannot_move_keep_no_other_from_being_fed(world: World):
    stuck, healthy = world.define("stuck"), world.define("healthy")
    backfiller = Backfiller(world.leader)
    for _ in range(FED_AT_ONCE + 5):
        backfill(world, stuck, slots=2, pace=1)
    for _ in range(3):
        backfiller.tick(cast(Any, Term(world)))
    last = backfill(world, healthy, slots=2, pace=1)
    backfiller.tick(cast(Any, Term(world)))
    fed = {row.slot_key for row in world.leader.unhandled_requests(100)}
    assert slot_key(last, T0) in fed


def test_a_slot_of_a_backfill_is_due_when_it_is_handed_on(world: World):
    definition = world.define(next_fire_at=None)
    backfill(world, definition, slots=1)
    planner = Planner(world.leader, SystemClock(), RuntimeConfig, uuid7)
    planner.tick(cast(Any, Term(world)), world.leader.agenda())
    (row,) = world.leader.waiting(datetime.now(UTC) + timedelta(hours=1), 10, heads=10)
    assert row.scheduled_for == T0
    assert datetime.now(UTC) - row.due_at < timedelta(hours=1)
