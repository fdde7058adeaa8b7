"""What waits, as the leader reads it: of each kind the first, and page by page all of it."""

from datetime import timedelta
from uuid import UUID

import pytest

from scheduler.domain.values import Reason
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World


@pytest.fixture
def run(world: World):
    (run,) = world.plan(world.define())
    return run


def test_lists_higher_priority_first_then_the_earlier_due(world: World):
    low, high = world.define("low", priority=1), world.define("high", priority=9)
    first, second = world.plan(low, 2)
    (urgent,) = world.plan(high)
    rows = world.leader.waiting(T0 + timedelta(minutes=1), 10, heads=10)
    assert [row.run_id for row in rows] == [urgent, first, second]
    assert rows[0].job_name == "high"


def test_leaves_out_what_is_due_later_and_what_is_assigned(world: World):
    now, later = world.plan(world.define(), 2)
    assert [row.run_id for row in world.leader.waiting(T0, 10, heads=10)] == [now]
    world.assign([now])
    assert world.leader.waiting(T0, 10, heads=10) == []
    assert later in world.states()


def test_tells_apart_what_nothing_but_a_place_decides_about(world: World):
    new, full, held = world.plan(world.define(), 3)
    (limited,) = world.plan(world.define("limited"))
    world.session.run(
        Statement("UPDATE scheduler_job_definition SET max_parallel = 1 WHERE name = 'limited'")
    )
    world.leader.wait(
        world.fence,
        [(full, Reason.WAIT_CAPACITY, "all full"), (held, Reason.WAIT_NO_LABEL, "no zone=a")],
    )
    until = T0 + timedelta(minutes=1)
    rows = world.leader.waiting(until, 10, heads=10, for_a_place_only=True)
    assert [row.run_id for row in rows] == [new, full]
    assert {limited, held} < {row.run_id for row in world.leader.waiting(until, 10, heads=10)}


def test_no_queue_keeps_another_from_being_looked_at(world: World):
    many = world.plan(world.define("stuck", queue="nowhere", priority=9), 30)
    (one,) = world.plan(world.define("healthy"))
    rows = world.leader.waiting(T0 + timedelta(hours=1), 10, heads=10)
    assert [row.run_id for row in rows[:2]] in ([one, many[0]], [many[0], one])
    assert len(rows) == 10
    few = world.leader.waiting(T0 + timedelta(hours=1), 10, heads=2, for_a_place_only=True)
    assert {row.run_id for row in few} == {one, *many[:2]}


def test_a_job_that_is_held_keeps_no_other_of_its_queue_from_being_looked_at(world: World):
    world.plan(world.define("held", priority=9), 30)
    (one,) = world.plan(world.define("healthy"))
    hold = "UPDATE scheduler_job_definition SET {} WHERE name = 'held'"
    for how in (
        "concurrency_policy = 'forbid'",
        "concurrency_policy = 'allow', max_parallel = 1",
        "max_parallel = NULL, quarantined_at = clock_timestamp()",
    ):
        world.session.run(Statement(hold.format(how)))
        rows = world.leader.waiting(T0 + timedelta(hours=1), 4, heads=4)
        assert one in {row.run_id for row in rows}, how


def test_pages_lead_through_all_that_waits(world: World):
    wanted = set(world.plan(world.define(), 25))
    found, after = [], UUID(int=0)
    while page := world.leader.waiting_after(T0 + timedelta(hours=1), 10, after):
        found += [row.run_id for row in page]
        after = page[-1].run_id
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_nothing_waits_in_an_empty_cluster(world: World):
    assert world.leader.waiting(T0, 10, heads=10) == []


def test_keeps_why_a_run_waits_and_forgets_it_when_assigned(world: World, run):
    world.leader.wait(world.fence, [(run, Reason.WAIT_CAPACITY, "10 of 10 busy")])
    (row,) = world.leader.waiting(T0, 10, heads=10)
    assert row.reason is Reason.WAIT_CAPACITY
    assert world.detail(run, "reason_detail") == "10 of 10 busy"
    world.assign([run])
    assert world.run_value(run, "reason") == ""


def test_a_reason_of_a_newer_version_does_not_stop_the_leader(world: World, run):
    world.session.run(Statement("UPDATE scheduler_job_run SET reason = 'WAIT_MOON'"))
    (row,) = world.leader.waiting(T0, 10, heads=10)
    assert row.reason is None
