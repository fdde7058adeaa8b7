"""What plugins asked to be told of is written with the change, and nothing else is."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from scheduler.domain.values import Reason, RunState
from scheduler.ports import CursorMove
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.outbox import Transition
from scheduler.store.statements import Statement
from scheduler.store.worker import SqlWorkerStore
from tests.contract.store.world import T0, World, new_run, result

S = RunState
EVERYTHING: list[Transition] = [(old, new) for old in S for new in S]


@pytest.fixture
def told(world: World) -> Iterator[World]:
    """A world whose stores were built for plugins that want to know of every transition."""
    world.leader.close()
    world.workers.close()
    world.leader = SqlLeaderStore(world.database, declared_transitions=EVERYTHING)
    world.workers = SqlWorkerStore(world.database, declared_transitions=EVERYTHING)
    yield world


def outbox(world: World) -> list[tuple[str, str, str | None, str]]:
    rows = world.session.run(
        Statement(
            "SELECT old_state, new_state, worker_id, reason FROM scheduler_run_outbox ORDER BY id"
        )
    )
    return [tuple(row) for row in rows]


def test_the_life_of_a_run_is_told_in_order(told: World):
    (run,) = told.plan(told.define())
    token = told.start([run])[run]
    told.workers.finish("w-1", [result(run, token, S.FAILED, reason=Reason.EXIT_CODE)])
    assert outbox(told) == [
        ("PENDING", "ASSIGNED", "w-1", ""),
        ("ASSIGNED", "RUNNING", "w-1", ""),
        ("RUNNING", "FAILED", "w-1", "EXIT_CODE"),
    ]


def test_what_did_not_change_is_not_told(told: World):
    (run,) = told.plan(told.define())
    told.assign([run])
    told.assign([run])
    told.workers.claim("w-9", [(run, 1, run)], hold_seq=0)
    assert len(outbox(told)) == 1


def test_a_run_taken_back_names_the_worker_that_had_it(told: World):
    (run,) = told.plan(told.define())
    seq = told.assign([run])[run]
    told.leader.unassign(told.fence, [(run, seq)], Reason.REASSIGNED)
    assert outbox(told)[-1] == ("ASSIGNED", "PENDING", "w-1", "REASSIGNED")


def test_skipped_canceled_and_orphaned_runs_are_told(told: World):
    skipped, canceled, orphaned = told.plan(told.define(), 3)
    told.leader.skip(told.fence, [(skipped, Reason.SKIP_LATE, "")])
    told.leader.request_cancel(told.fence, [canceled], Reason.CANCELED_BY_REQUEST)
    told.leader.cancel_waiting(told.fence)
    told.start([orphaned])
    told.lose("w-1")
    told.leader.orphan(told.fence, [(orphaned, None, False)])
    ends = [row[1] for row in outbox(told) if row[1] in {"SKIPPED", "CANCELED", "ORPHANED"}]
    assert ends == ["SKIPPED", "CANCELED", "ORPHANED"]


def test_a_slot_that_is_born_skipped_is_told_as_skipped(told: World):
    definition = told.define()
    run = new_run(definition, state=S.SKIPPED, reason=Reason.MISFIRE_SKIPPED)
    told.leader.record_plan(told.fence, [CursorMove(definition, 1, T0, T0, None, (run,))])
    assert outbox(told) == [("PENDING", "SKIPPED", None, "MISFIRE_SKIPPED")]


def test_a_planned_run_whose_day_an_edit_made_a_day_off_is_told_as_skipped(told: World):
    definition = told.define()
    waiting, assigned = told.plan(definition, 2)
    told.assign([assigned])
    facts = {"state": S.SKIPPED, "reason": Reason.CALENDAR, "reason_detail": "off"}
    rows = tuple(new_run(definition, index, **facts) for index in range(2))
    ahead, before = T0 + timedelta(days=1), T0 - timedelta(seconds=1)
    edit = CursorMove(definition, 1, ahead, ahead, None, rows, replaces_after=before)
    told.leader.record_plan(told.fence, [edit])
    assert sorted(row[:2] for row in outbox(told) if row[1] == "SKIPPED") == [
        ("ASSIGNED", "SKIPPED"),
        ("PENDING", "SKIPPED"),
    ]
    assert told.states() == {waiting: S.SKIPPED, assigned: S.SKIPPED}


def test_nothing_is_written_where_nobody_asked(world: World):
    (run,) = world.plan(world.define())
    token = world.start([run])[run]
    world.workers.finish("w-1", [result(run, token)])
    assert outbox(world) == []


def test_only_what_was_asked_for_is_written(world: World):
    world.workers.close()
    world.workers = SqlWorkerStore(world.database, declared_transitions=[(S.RUNNING, S.FAILED)])
    first, second = world.plan(world.define(), 2)
    tokens = world.start([first, second])
    done = [result(first, tokens[first]), result(second, tokens[second], S.FAILED)]
    world.workers.finish("w-1", done)
    assert [row[:2] for row in outbox(world)] == [("RUNNING", "FAILED")]
