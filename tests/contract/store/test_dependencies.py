"""Runs that wait for others, and runs that follow others, over both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.lineage import again_key
from scheduler.domain.values import Reason, RunState
from scheduler.store.statements import Statement
from tests.contract.store.chains import Chains, slot_key_of
from tests.contract.store.world import T0, World

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

    @pytest.mark.parametrize("on_failure", ["skip", "wait", "run"])
    def test_passes_over_a_day_off_of_the_latest(self, chains, pair, world, on_failure):
        first, second = pair
        chains.depend(second, first, match="latest", on_failure=on_failure)
        chains.run(chains.slot(first, 0))
        for index in (5, 10):
            chains.day_off(first, index)
        mine = chains.slot(second, 10)
        chains.tick()
        assert world.state(mine) is RunState.ASSIGNED

    def test_sees_the_failure_before_a_day_off(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, match="latest")
        upstream = chains.slot(first, 0)
        chains.run(upstream, FAILED)
        chains.day_off(first, 5)
        mine = chains.slot(second, 10)
        chains.tick()
        assert world.run_value(mine, "reason") == "UPSTREAM_FAILED"
        assert str(upstream) in world.detail(mine, "reason_detail")

    def test_does_not_pass_over_what_was_skipped_otherwise(self, chains, pair, world):
        first, second = pair
        chains.depend(second, first, match="latest")
        chains.run(chains.slot(first, 0))
        chains.slot(first, 5, state=RunState.SKIPPED, reason=Reason.MISFIRE_SKIPPED)
        mine = chains.slot(second, 10)
        chains.tick()
        assert world.run_value(mine, "reason") == "UPSTREAM_FAILED"

    @pytest.mark.parametrize(
        ("on_failure", "state", "reason"),
        [
            ("skip", RunState.SKIPPED, "UPSTREAM_FAILED"),
            ("wait", RunState.PENDING, "WAIT_UPSTREAM"),
            ("run", RunState.ASSIGNED, ""),
        ],
    )
    def test_takes_a_day_off_of_the_same_slot_as_skipped(
        self, chains, pair, world, on_failure, state, reason
    ):
        first, second = pair
        chains.depend(second, first, on_failure=on_failure)
        chains.day_off(first)
        mine = chains.slot(second)
        chains.tick()
        assert (world.state(mine), world.run_value(mine, "reason")) == (state, reason)

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
