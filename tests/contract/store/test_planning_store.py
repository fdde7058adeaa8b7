from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import Reason, RunState
from scheduler.ports import CursorMove
from tests.contract.store.world import T0, World, new_run, result


def move_of(definition_id: int, *runs, **changes) -> CursorMove:
    move = CursorMove(definition_id, 1, T0, T0 + timedelta(hours=1), None, runs)
    return replace(move, **changes)


def test_definitions_are_due_by_their_instant_oldest_first(world: World):
    late = world.define("late", next_fire_at=T0 + timedelta(seconds=2))
    soon = world.define("soon", next_fire_at=T0 + timedelta(seconds=1))
    world.define("later", next_fire_at=T0 + timedelta(hours=1))
    world.define("never", next_fire_at=None)
    due = world.leader.due_definitions(T0 + timedelta(seconds=2), 10)
    assert [row.definition_id for row in due] == [soon, late]
    assert due[0].planned_until == T0
    assert world.leader.agenda().next_fire_at == T0 + timedelta(seconds=1)


def test_at_most_the_limit_is_read(world: World):
    for number in range(3):
        world.define(f"job-{number}")
    assert len(world.leader.due_definitions(T0, 2)) == 2


def test_a_deleted_definition_is_read_as_not_enabled(world: World):
    world.define()
    world.delete_definitions()
    assert [row.enabled for row in world.leader.due_definitions(T0, 10)] == [False]


def test_a_plan_moves_the_cursor_and_inserts_its_rows(world: World):
    definition = world.define()
    runs = [
        new_run(definition, 0),
        new_run(
            definition,
            1,
            state=RunState.SKIPPED,
            reason=Reason.MISFIRE_SKIPPED,
            reason_detail="300 s late",
        ),
    ]
    fire_at = T0 + timedelta(hours=2)
    moved = world.leader.record_plan(
        world.fence, [move_of(definition, *runs, next_fire_at=fire_at)]
    )
    assert moved == [definition]
    assert world.leader.agenda().next_fire_at == fire_at
    assert world.states() == {runs[0].run_id: RunState.PENDING, runs[1].run_id: RunState.SKIPPED}
    assert world.run_value(runs[0].run_id, "finished_at") is None
    assert world.run_value(runs[1].run_id, "finished_at") is not None
    assert world.detail(runs[1].run_id, "reason_detail") == "300 s late"


def test_the_same_move_twice_is_made_once(world: World):
    definition = world.define()
    move = move_of(definition, new_run(definition))
    assert world.leader.record_plan(world.fence, [move]) == [definition]
    assert world.leader.record_plan(world.fence, [move]) == []
    assert world.count("scheduler_job_run") == 1


def test_a_definition_edited_meanwhile_does_not_move_and_others_do(world: World):
    edited, other = world.define("edited"), world.define("other")
    moves = [move_of(edited, new_run(edited), revision=0), move_of(other, new_run(other))]
    assert world.leader.record_plan(world.fence, moves) == [other]
    assert world.count("scheduler_job_run") == 1


def test_a_slot_that_has_its_row_gets_no_second_one(world: World):
    definition = world.define()
    world.plan(definition)
    again = move_of(definition, new_run(definition), planned_until_old=T0 + timedelta(days=1))
    assert world.leader.record_plan(world.fence, [again]) == [definition]
    assert world.count("scheduler_job_run") == 1


def test_a_deposed_leader_cannot_plan(world: World):
    definition, old = world.define(), world.fence
    world.elect("w-2")
    with pytest.raises(StaleEpoch):
        world.leader.record_plan(old, [move_of(definition, new_run(definition))])
    assert world.count("scheduler_job_run") == 0


def test_more_rows_than_a_statement_takes_are_all_written(world: World):
    definitions = [world.define(f"job-{number}") for number in range(30)]
    moves = [move_of(d, *(new_run(d, index) for index in range(50))) for d in definitions]
    assert len(world.leader.record_plan(world.fence, moves)) == 30
    assert world.count("scheduler_job_run") == 1500


class TestAnEdit:
    def test_drops_planned_rows_that_the_new_schedule_lacks(self, world: World):
        definition = world.define()
        kept, dropped = world.plan(definition, 2)
        move = move_of(
            definition,
            new_run(definition, 0),
            planned_until_old=T0 + timedelta(days=1),
            replaces_after=T0 - timedelta(seconds=1),
        )
        assert world.leader.record_plan(world.fence, [move]) == [definition]
        assert set(world.states()) == {kept}
        assert dropped not in world.states()

    def test_leaves_alone_what_lies_before_it_has_started_or_is_no_timed_slot(self, world: World):
        definition, other = world.define(), world.define("other")
        before, started, assigned = world.plan(definition, 3)
        request = world.plan_request(definition)
        others = world.plan(other)
        world.start([started])
        world.assign([assigned])
        move = move_of(definition, planned_until_old=T0 + timedelta(days=1), replaces_after=T0)
        assert world.leader.record_plan(world.fence, [move]) == [definition]
        assert set(world.states()) == {before, started, request, *others}

    def test_takes_the_explanations_of_dropped_rows_with_them(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        world.leader.wait(world.fence, [(run, Reason.WAIT_CAPACITY, "10 of 10 busy")])
        move = move_of(
            definition,
            planned_until_old=T0 + timedelta(days=1),
            replaces_after=T0 - timedelta(seconds=1),
        )
        world.leader.record_plan(world.fence, [move])
        assert world.count("scheduler_job_run_detail") == 0

    def test_is_planned_once(self, world: World):
        definition = world.define(edited_at=T0)
        (row,) = world.leader.due_definitions(T0, 10)
        assert row.edited_at == T0
        world.leader.record_plan(
            world.fence, [move_of(definition, next_fire_at=T0, replaces_after=T0)]
        )
        (row,) = world.leader.due_definitions(T0, 10)
        assert row.edited_at is None

    def test_forgets_superseded_schedules_with_the_move_that_covers_them(self, world: World):
        definition = world.define(edited_at=T0, superseded='[{"until": "a"}, {"until": "b"}]')
        (row,) = world.leader.due_definitions(T0, 10)
        assert row.superseded == [{"until": "a"}, {"until": "b"}]
        move = move_of(definition, next_fire_at=T0, replaces_after=T0)
        assert world.leader.record_plan(world.fence, [move]) == [definition]
        (row,) = world.leader.due_definitions(T0, 10)
        assert (row.edited_at, row.superseded) == (None, [])

    def test_stays_with_a_move_that_leaves_something_owed(self, world: World):
        definition, other = world.define(edited_at=T0, superseded="[{}]"), world.define("other")
        moves = [
            move_of(definition, next_fire_at=T0, replaces_after=T0, keeps_edit=True),
            move_of(other, next_fire_at=T0),
        ]
        assert world.leader.record_plan(world.fence, moves) == [definition, other]
        rows = world.leader.due_definitions(T0, 10)
        assert [(row.edited_at, row.superseded) for row in rows] == [(T0, [{}]), (None, [])]
        assert rows[0].planned_until == moves[0].planned_until_new

    def test_that_came_meanwhile_loses_nothing_to_an_older_plan(self, world: World):
        definition = world.define(edited_at=T0, superseded="[{}]")
        stale = move_of(definition, revision=0, replaces_after=T0)
        assert world.leader.record_plan(world.fence, [stale]) == []
        (row,) = world.leader.due_definitions(T0, 10)
        assert (row.edited_at, row.superseded) == (T0, [{}])


class TestARequest:
    def test_becomes_one_run_with_its_arguments(self, world: World):
        definition = world.define()
        request = world.request(definition, args='{"day": 1}')
        (row,) = world.leader.unhandled_requests(10)
        assert (row.request_id, row.args) == (request, {"day": 1})
        run = new_run(definition, slot_key=row.slot_key)
        assert world.leader.record_requests(world.fence, [(request, run)]) == 1
        assert world.leader.unhandled_requests(10) == []
        ((_, order),) = world.leader.assign(world.fence, [(run.run_id, "w-1", 1)])
        assert order.args == {"day": 1}

    def test_is_taken_once_however_often_it_is_recorded(self, world: World):
        definition = world.define()
        request = world.request(definition)
        for _ in range(2):
            run = new_run(definition, slot_key=f"m:{request}")
            world.leader.record_requests(world.fence, [(request, run)])
        assert world.count("scheduler_job_run") == 1

    def test_is_not_taken_by_a_deposed_leader(self, world: World):
        definition, old = world.define(), world.fence
        request = world.request(definition)
        world.elect("w-2")
        with pytest.raises(StaleEpoch):
            world.leader.record_requests(old, [(request, new_run(definition))])
        assert len(world.leader.unhandled_requests(10)) == 1


class TestARetry:
    def test_is_the_next_attempt_of_the_slot_due_when_the_mark_says(self, world: World):
        run = self._failed(world)
        due = world.run_value(run, "retry_due_at")
        (again,) = world.leader.spawn_retries(world.fence, 10)
        assert world.run_value(again, "attempt") == 2
        assert world.run_value(again, "due_at") == due
        assert world.run_value(again, "slot_key") == world.run_value(run, "slot_key")
        assert world.run_value(run, "retry_due_at") is None
        assert world.state(run) is RunState.FAILED
        assert world.leader.spawn_retries(world.fence, 10) == []

    def test_carries_the_arguments_on(self, world: World):
        definition = world.define()
        request = world.request(definition, args='["--day", "1"]')
        run = new_run(definition, slot_key=f"m:{request}")
        world.leader.record_requests(world.fence, [(request, run)])
        self._fail(world, run.run_id)
        (again,) = world.leader.spawn_retries(world.fence, 10)
        ((_, order),) = world.leader.assign(world.fence, [(again, "w-1", world.next_seq())])
        assert (order.args, order.attempt, order.orphan_count) == (["--day", "1"], 2, 0)

    def test_after_an_orphan_counts_it(self, world: World):
        (run,) = world.plan(world.define())
        world.start([run])
        world.lose("w-1")
        world.leader.orphan(world.fence, [(run, 0.0, False)])
        (again,) = world.leader.spawn_retries(world.fence, 10)
        assert world.run_value(again, "orphan_count") == 1

    def test_of_a_deleted_definition_is_not_made(self, world: World):
        run = self._failed(world)
        world.delete_definitions()
        assert world.leader.spawn_retries(world.fence, 10) == []
        assert world.run_value(run, "retry_due_at") is None

    def test_is_not_made_by_a_deposed_leader(self, world: World):
        old = world.fence
        run = self._failed(world)
        world.elect("w-2")
        with pytest.raises(StaleEpoch):
            world.leader.spawn_retries(old, 10)
        assert world.run_value(run, "retry_due_at") is not None

    def _failed(self, world: World):
        (run,) = world.plan(world.define())
        return self._fail(world, run)

    def _fail(self, world: World, run):
        token = world.start([run])[run]
        failed = result(run, token, RunState.FAILED, retry_delay_seconds=30.0)
        assert world.workers.finish("w-1", [failed]) == [run]
        return run


def test_the_timed_slots_that_have_rows_are_told_for_each_definition(world: World):
    one, other = world.define("one"), world.define("other")
    world.plan(one, 5)
    world.plan(other, 2)
    world.plan_request(one)
    after = T0 + timedelta(seconds=1, microseconds=1)
    planned = world.leader.slots_planned([(one, after), (other, T0 - timedelta(days=3))])
    assert planned[one] == {T0 + timedelta(seconds=second) for second in (2, 3, 4)}
    assert planned[other] == {T0, T0 + timedelta(seconds=1)}


def test_a_definition_without_rows_has_no_slots_planned(world: World):
    definition = world.define()
    assert world.leader.slots_planned([(definition, T0)]) == {definition: frozenset()}
    assert world.leader.slots_planned([]) == {}
