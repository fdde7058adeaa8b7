"""Runs that follow others, and the notes of ends that lead to them, over both databases."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.lineage import again_key
from scheduler.domain.values import Reason, RunState
from scheduler.store.retention import KINDS, SqlRetention
from scheduler.store.statements import Statement
from tests.contract.store.chains import Chains, slot_key_of
from tests.contract.store.world import T0, World, new_run

T = slot_key_of(T0)
FAILED = RunState.FAILED


@pytest.fixture
def chains(world: World) -> Chains:
    return Chains(world)


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


class TestWhatADependentMayAskForByLatest:
    """... outlives the purge, and no more than that."""

    @pytest.fixture
    def first(self, chains: Chains) -> int:
        return chains.define("first", scheduled=True)

    @pytest.fixture(autouse=True)
    def second(self, chains: Chains, first: int) -> int:
        second = chains.define("second", scheduled=True)
        chains.depend(second, first, match="latest")
        return second

    def ended(self, chains: Chains, first: int, index: int = 0, **changes: Any) -> UUID:
        state = changes.pop("state", RunState.SUCCEEDED)
        run = chains.slot(first, index, **changes)
        chains.run(run, state)
        return run

    def left(self, chains: Chains, world: World) -> set[UUID]:
        chains.tick()
        purge(world)
        return set(world.states())

    def test_is_the_newest_slot(self, chains, world, first):
        self.ended(chains, first, 0)
        new = self.ended(chains, first, 1)
        assert self.left(chains, world) == {new}

    def test_is_none_of_a_job_without_such_a_dependent(self, chains, world):
        self.ended(chains, chains.define("third", scheduled=True))
        assert self.left(chains, world) == set()

    def test_is_a_slot_though_a_backfill_came_after_it(self, chains, world, first, second):
        slot = self.ended(chains, first, 1)
        self.ended(chains, first, slot_key=T.replace("t:", "b:7:"))
        assert self.left(chains, world) == {slot}
        mine = chains.slot(second, 60)
        chains.tick(60.0)
        assert world.state(mine) is RunState.ASSIGNED

    def test_is_a_slot_though_an_older_one_was_run_again(self, chains, world, first):
        old = self.ended(chains, first, 0)
        slot = self.ended(chains, first, 1)
        self.ended(chains, first, 0, slot_key=again_key(T, old))
        assert self.left(chains, world) == {slot}

    def test_is_a_success_of_the_slot_when_it_was_run_again(self, chains, world, first, second):
        failed = self.ended(chains, first, state=RunState.FAILED)
        again = self.ended(chains, first, slot_key=again_key(T, failed))
        assert self.left(chains, world) == {failed, again}
        mine = chains.slot(second, 60)
        chains.tick(60.0)
        assert world.state(mine) is RunState.ASSIGNED

    @pytest.mark.parametrize("prefix", ["m:", "e:", "d:m:", "d:e:", "d:t:"])
    def test_is_the_newest_of_each_family(self, chains, world, first, prefix):
        slot = self.ended(chains, first, 9)
        at = (T0 + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
        key = prefix + (at if prefix == "d:t:" else str(uuid7()))
        other = self.ended(chains, first, 1, slot_key=key)
        assert self.left(chains, world) == {slot, other}

    def test_is_the_slot_before_the_days_off(self, chains, world, first):
        slot = self.ended(chains, first, 0)
        chains.day_off(first, 1)
        assert self.left(chains, world) == {slot}

    def test_is_counted_as_it_is_deleted(self, chains, world, first):
        for index in range(3):
            self.ended(chains, first, index)
        chains.tick()
        (kind,) = [each for each in KINDS if each.name == "runs"]
        with SqlRetention(world.database) as store:
            assert store.count(kind, world.now() + timedelta(days=400)) == 2


def purge(world: World) -> None:
    """All history goes that may."""
    with SqlRetention(world.database) as store:
        for kind in KINDS:
            store.delete_batch(kind, world.now() + timedelta(days=400), 100)
