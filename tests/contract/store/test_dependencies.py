"""Runs that wait for others, and runs that follow others, over both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.lineage import again_key
from scheduler.domain.values import Reason, RunState
from scheduler.store.retention import KINDS, SqlRetention
from scheduler.store.statements import Statement
from tests.contract.store.chains import Chains, slot_key_of
from tests.contract.store.world import T0, World, new_run

T = slot_key_of(T0)
FAILED, SUCCEEDED = RunState.FAILED, RunState.SUCCEEDED


@pytest.fixture
def chains(world: World) -> Chains:
    return Chains(world)


@pytest.fixture
def pair(chains: Chains) -> tuple[int, int]:
    """Two definitions with schedules, the second after the first."""
    first = chains.define("first", scheduled=True)
    second = chains.define("second", scheduled=True)
    return first, second


class TestASlotThatWaits:
    def test_starts_when_its_upstreams_run_of_the_slot_has_succeeded(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        upstream, mine = chains.slot(first), chains.slot(second)
        chains.tick()
        assert world.state(mine) is RunState.PENDING
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        detail = world.detail(mine, "reason_detail")
        assert "upstream 'first', slot 2026-11-23T06:00:00Z: PENDING" in detail
        chains.run(upstream)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED
        assert world.run_value(mine, "reason") == ""

    def test_does_not_mind_another_slot_of_its_upstream(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        chains.run(chains.slot(first, 1))
        mine = chains.slot(second)
        chains.slot(first)
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"

    def test_waits_while_its_upstream_is_to_be_tried_again(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        upstream, mine = chains.slot(first), chains.slot(second)
        chains.run(upstream, FAILED, retry_delay_seconds=0.0)
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        (again,) = world.leader.spawn_retries(world.fence, 10)
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        chains.run(again)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_is_skipped_with_its_whole_chain_where_the_upstream_failed(self, chains, pair, world):
        first, second = pair
        third = chains.define("third")
        chains.depend(second, first)
        chains.depend(third, second)
        upstream, mine = chains.slot(first), chains.slot(second)
        chains.tick()
        chains.run(upstream, FAILED)
        chains.tick()
        assert chains.rows(second) == [(T, "SKIPPED", "UPSTREAM_FAILED")]
        assert chains.rows(third) == [(f"d:{T}", "SKIPPED", "UPSTREAM_FAILED")]
        detail = world.detail(mine, "reason_detail")
        assert "'first'" in detail and str(upstream) in detail and "FAILED" in detail
        assert world.count("scheduler_upstream_end") == 0

    def test_waits_for_the_upstream_to_be_run_again_where_it_is_to_wait(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, on_failure="wait")
        upstream, mine = chains.slot(first), chains.slot(second)
        chains.run(upstream, FAILED)
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        again = chains.slot(first, 90, slot_key=again_key(T, upstream), due_at=T0)
        chains.tick()
        assert world.state(again) is RunState.ASSIGNED
        chains.run(again)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_runs_after_a_failure_where_it_is_to_run_anyway(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, on_failure="run")
        upstream, mine = chains.slot(first), chains.slot(second)
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        chains.run(upstream, FAILED)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_waits_no_longer_than_it_may(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, max_wait_seconds=90)
        chains.slot(first)
        mine = chains.slot(second)
        due_in = chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        assert due_in <= 30.0
        chains.tick(31.0)
        assert world.state(mine) is RunState.SKIPPED
        assert world.run_value(mine, "reason") == "SKIP_LATE"
        assert "waited 90 s" in world.detail(mine, "reason_detail")

    def test_is_not_late_by_the_clusters_default_while_it_waits(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        upstream, mine = chains.slot(first), chains.slot(second)
        chains.run(upstream)
        chains.tick(3600.0)
        assert world.state(mine) is RunState.ASSIGNED

    def test_follows_the_latest_slot_at_or_before_its_own(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, match="latest")
        chains.run(chains.slot(first, 0), FAILED)
        chains.run(chains.slot(first, 10))
        chains.slot(first, 30)
        mine = chains.slot(second, 20)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_is_given_up_where_the_latest_is_too_old_and_none_will_come(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, match="latest", max_age_seconds=5)
        chains.run(chains.slot(first, 0))
        mine = chains.slot(second, 20)
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        world.session.run(
            Statement(
                "UPDATE scheduler_job_definition SET planned_until = %(until)s WHERE id = %(id)s"
            ),
            id=first,
            until=T0 + timedelta(minutes=1),
        )
        chains.tick(10.0)
        assert world.state(mine) is RunState.SKIPPED
        assert "too old" in world.detail(mine, "reason_detail")

    def test_is_skipped_where_the_upstream_has_no_such_slot(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        world.plan(first, 0)  # its cursor passes the slot without a row
        mine = chains.slot(second)
        chains.tick()
        assert world.run_value(mine, "reason") == "UPSTREAM_FAILED"
        assert "no run of slot" in world.detail(mine, "reason_detail")

    def test_asked_for_by_hand_does_not_wait(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        mine = world.plan_request(second)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_of_a_backfill_waits_for_the_same_backfill_of_its_upstream(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        key = T.replace("t:", "b:7:")
        chains.run(chains.slot(first))
        upstream, mine = chains.slot(first, slot_key=key), chains.slot(second, slot_key=key)
        alone = chains.slot(second, slot_key=T.replace("t:", "b:8:"))
        chains.tick()
        assert world.run_value(mine, "reason") == "WAIT_UPSTREAM"
        assert world.state(alone) is RunState.ASSIGNED
        chains.run(upstream)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_is_looked_at_in_parts_where_many_wait(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first)
        chains.config = replace(chains.config, waiting_limit=2)
        upstreams = [chains.slot(first, index) for index in range(5)]
        waiting = [chains.slot(second, index) for index in range(5)]
        chains.tick()
        assert {world.run_value(run, "reason") for run in waiting} <= {"", "WAIT_UPSTREAM"}
        for upstream in upstreams:
            if world.state(upstream) in (RunState.PENDING, RunState.ASSIGNED):
                chains.run(upstream)
        for _ in range(5):
            chains.tick()
        assert {world.state(run) for run in waiting} == {RunState.ASSIGNED}


class TestARunThatFollows:
    def test_is_made_once_for_each_slot_that_succeeds(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        chains.run(chains.slot(first))
        chains.tick()
        chains.tick()
        assert chains.rows(second) == [(f"d:{T}", "ASSIGNED", "")]
        mine = chains.only(second)
        scheduled_for = world.run_value(mine, "scheduled_for")
        assert scheduled_for == world.run_value(chains.only(first), "scheduled_for")

    def test_follows_through_a_chain_of_three(self, chains, world):
        first, second, third = (chains.define(name) for name in ("first", "second", "third"))
        chains.depend(second, first)
        chains.depend(third, second)
        chains.run(chains.slot(first))
        chains.tick()
        chains.run(chains.only(second))
        chains.tick()
        assert chains.rows(third) == [(f"d:{T}", "ASSIGNED", "")]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_is_made_once_when_all_its_upstreams_have_ended(self, chains, world, order):
        ends = [chains.define("left"), chains.define("right")]
        both = chains.define("both")
        for upstream in ends:
            chains.depend(both, upstream)
        runs = [chains.slot(upstream) for upstream in ends]
        chains.run(runs[order[0]])
        chains.tick()
        assert chains.rows(both) == []
        chains.run(runs[order[1]])
        chains.tick()
        assert chains.rows(both) == [(f"d:{T}", "ASSIGNED", "")]

    def test_is_made_once_where_both_upstreams_end_before_the_leader_looks(self, chains, world):
        left, right, both = (chains.define(name) for name in ("left", "right", "both"))
        chains.depend(both, left)
        chains.depend(both, right)
        chains.run(chains.slot(left))
        chains.run(chains.slot(right))
        chains.tick()
        assert chains.rows(both) == [(f"d:{T}", "ASSIGNED", "")]

    def test_meets_again_where_a_chain_parted(self, chains, world):
        top, left, right, end = (chains.define(name) for name in ("top", "left", "right", "end"))
        for job, upstream in ((left, top), (right, top), (end, left), (end, right)):
            chains.depend(job, upstream)
        chains.run(chains.slot(top))
        chains.tick()
        chains.run(chains.only(left))
        chains.tick()
        assert chains.rows(end) == []
        chains.run(chains.only(right))
        chains.tick()
        assert chains.rows(end) == [(f"d:{T}", "ASSIGNED", "")]

    def test_waits_for_the_retry_of_its_upstream(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        chains.run(chains.slot(first), FAILED, retry_delay_seconds=0.0)
        assert not world.leader.agenda().upstream_ends
        chains.tick()
        (again,) = world.leader.spawn_retries(world.fence, 10)
        chains.tick()
        assert chains.rows(second) == []
        chains.run(again)
        chains.tick()
        assert chains.rows(second) == [(f"d:{T}", "ASSIGNED", "")]

    @pytest.mark.parametrize(
        ("policy", "row"),
        [
            ("skip", ("SKIPPED", "UPSTREAM_FAILED")),
            ("wait", ("PENDING", "WAIT_UPSTREAM")),
            ("run", ("ASSIGNED", "")),
        ],
    )
    def test_has_its_own_policy_where_the_upstream_fails(self, chains, world, policy, row):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first, on_failure=policy)
        chains.run(chains.slot(first), FAILED)
        chains.tick()
        assert chains.rows(second) == [(f"d:{T}", *row)]

    def test_follows_a_run_by_hand_and_by_an_event_but_no_backfill(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        for key in ("m:1", "e:2", T.replace("t:", "b:3:")):
            chains.run(chains.slot(first, slot_key=key))
        chains.tick()
        assert {row[0] for row in chains.rows(second)} == {"d:m:1", "d:e:2"}

    def test_is_not_made_again_when_its_upstream_is_run_again(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        upstream = chains.slot(first)
        chains.run(upstream)
        chains.tick()
        chains.run(chains.slot(first, 90, slot_key=again_key(T, upstream), due_at=T0))
        chains.tick()
        assert chains.rows(second) == [(f"d:{T}", "ASSIGNED", "")]

    @pytest.mark.parametrize("change", ["enabled = false", "deleted_at = planned_until"])
    def test_is_not_made_of_a_job_that_is_off(self, chains, world, change):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        chains.run(chains.slot(first))
        text = f"UPDATE scheduler_job_definition SET {change} WHERE id = %(id)s"
        world.session.run(Statement(text), id=second)
        chains.tick()
        assert chains.rows(second) == []
        assert world.count("scheduler_upstream_end") == 0


class TestTheNoteOfAnEnd:
    def test_is_made_only_where_others_depend_on_the_job(self, chains, world):
        chains.run(chains.slot(chains.define("alone")))
        assert world.count("scheduler_upstream_end") == 0
        assert not world.leader.agenda().upstream_ends

    def test_is_made_of_skips_cancels_and_orphans_too(self, chains, world):
        first = chains.define("first")
        chains.depend(chains.define("second"), first)
        skipped, canceled, orphaned = (chains.slot(first, index) for index in range(3))
        world.leader.skip(world.fence, [(skipped, Reason.SKIP_LATE, "")])
        world.leader.request_cancel(world.fence, [canceled], Reason.CANCELED_BY_REQUEST)
        world.leader.cancel_waiting(world.fence)
        world.worker("w-2")
        world.start([orphaned], "w-2")
        world.lose("w-2")
        world.leader.orphan(world.fence, [(orphaned, None, False)])
        noted = {end.run_id for end in world.leader.upstream_ends(10)}
        assert noted == {skipped, canceled, orphaned}

    def test_is_made_of_a_slot_that_is_planned_as_skipped(self, chains, world):
        first = chains.define("first")
        chains.depend(chains.define("second"), first)
        missed = world.plan(first, 1, state=RunState.SKIPPED, reason=Reason.MISFIRE_SKIPPED)
        assert [end.run_id for end in world.leader.upstream_ends(10)] == missed

    def test_outlives_the_leader_that_did_not_look_at_it(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        chains.run(chains.slot(first))
        chains.new_leader()
        chains.tick()
        assert chains.rows(second) == [(f"d:{T}", "ASSIGNED", "")]

    def test_is_left_by_a_leader_that_was_deposed(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        chains.run(chains.slot(first))
        (end,) = world.leader.upstream_ends(10)
        old = world.fence
        world.elect("w-2")
        run = new_run(second, slot_key=f"d:{T}")
        with pytest.raises(StaleEpoch):
            world.leader.record_triggered(old, [end.run_id], [run])
        assert chains.rows(second) == []
        assert [one.run_id for one in world.leader.upstream_ends(10)] == [end.run_id]

    def test_made_twice_of_one_slot_makes_one_run(self, chains, world):
        first, second = chains.define("first"), chains.define("second")
        chains.depend(second, first)
        runs = [new_run(second, slot_key=f"d:{T}") for _ in range(2)]
        made = [world.leader.record_triggered(world.fence, [], [run]) for run in runs]
        assert [len(each) for each in made] == [1, 0]

    def test_keeps_its_run_from_being_purged(self, chains, world):
        first = chains.define("first")
        chains.depend(chains.define("second"), first)
        noted = chains.slot(first)
        chains.run(noted)
        purge(world)
        assert noted in world.states()


def test_the_newest_run_of_an_upstream_stays_while_a_dependent_may_ask_for_the_latest(
    chains: Chains, world: World
):
    first = chains.define("first")
    chains.depend(chains.define("second", scheduled=True), first, match="latest")
    old, new = chains.slot(first, 0), chains.slot(first, 1)
    chains.run(old)
    chains.run(new)
    chains.tick()
    purge(world)
    assert set(world.states()) == {new}


def purge(world: World) -> None:
    """All history goes that may."""
    with SqlRetention(world.database) as store:
        for kind in KINDS:
            store.delete_batch(kind, world.now() + timedelta(days=400), 100)
