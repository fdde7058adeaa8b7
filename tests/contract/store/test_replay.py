"""What a fail-over lost is written again: once, under its token, and never over what is newer."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from uuid_utils.compat import uuid7

from scheduler.domain.errors import TimelineChanged
from scheduler.domain.values import Claim, LeaseState, Reason, RunState
from scheduler.ports import CursorMove
from scheduler.store.outbox_reader import SqlOutbox
from scheduler.store.statements import Statement
from scheduler.store.worker import SqlWorkerStore
from tests.contract.store.world import T0, World, claim_of, facts_of, new_run, result


def replay(world: World, *claims: Claim) -> list[UUID]:
    return world.workers.replay_claims([(claim, 3.0) for claim in claims])


def test_a_run_whose_row_is_gone_is_running_again_under_its_token(world: World):
    claim = claim_of(uuid7(), world.define())
    assert replay(world, claim) == [claim.run_id]
    assert world.state(claim.run_id) is RunState.RUNNING
    (mine,) = world.workers.mine("w-1")
    assert (mine.run_id, mine.claim_token, mine.assign_seq) == (claim.run_id, claim.claim_token, 7)
    assert world.workers.finish("w-1", [result(claim.run_id, claim.claim_token)]) == [claim.run_id]


@pytest.mark.parametrize("assigned_to", [None, "w-1", "w-2"])
def test_a_run_that_waits_again_is_running_under_its_token(world: World, assigned_to: str | None):
    world.worker("w-2")
    definition = world.define()
    (run,) = world.plan(definition)
    seq = world.assign([run], assigned_to)[run] if assigned_to else 0
    claim = claim_of(run, definition, assign_seq=seq + 1)
    assert replay(world, claim) == [run]
    assert world.run_value(run, "worker_id") == "w-1"
    assert world.state(run) is RunState.RUNNING
    if assigned_to:
        stolen = world.workers.claim(assigned_to, [(run, seq, uuid4())], hold_seq=0)
        assert stolen == []


def test_what_was_not_lost_stays_as_it_is(world: World):
    definition = world.define()
    runs = world.plan(definition, 3)
    tokens = world.start(runs)
    done, running, stolen = runs
    world.workers.finish("w-1", [result(done, tokens[done])])
    claims = [
        claim_of(run, definition, index, claim_token=tokens[run]) for index, run in enumerate(runs)
    ]
    claims[2] = claim_of(stolen, definition, 2)
    assert replay(world, *claims) == []
    assert world.states() == {
        done: RunState.SUCCEEDED,
        running: RunState.RUNNING,
        stolen: RunState.RUNNING,
    }
    assert [row.claim_token for row in world.workers.mine("w-1")] == [
        tokens[running],
        tokens[stolen],
    ]


def test_the_result_of_a_run_that_another_runs_is_kept_as_a_late_one(world: World):
    (run,) = world.plan(world.define())
    world.start([run])
    assert world.workers.finish("w-2", [result(run, uuid4(), RunState.FAILED)]) == []
    assert json.loads(world.detail(run, "late_result"))["state"] == "FAILED"
    assert world.state(run) is RunState.RUNNING


def test_a_slot_that_was_planned_anew_takes_the_run_that_is_under_way(world: World):
    definition = world.define()
    (planned_anew,) = world.plan(definition)
    world.leader.wait(world.fence, [(planned_anew, Reason.WAIT_REPLAY, "why")])
    claim = claim_of(uuid7(), definition)
    assert replay(world, claim) == [claim.run_id]
    assert world.states() == {claim.run_id: RunState.RUNNING}
    assert world.detail(planned_anew, "reason_detail") is None
    assert world.detail(claim.run_id, "reason_detail") == "why"


def test_a_slot_whose_row_came_back_is_not_planned_twice_while_its_cursor_is_old(world: World):
    definition = world.define()
    lost = [claim_of(uuid7(), definition, index) for index in range(2)]
    replay(world, *lost)
    runs = tuple(new_run(definition, index) for index in range(3))
    move = CursorMove(definition, 1, T0, T0 + timedelta(seconds=10), None, runs)
    assert world.leader.record_plan(world.fence, [move]) == [definition]
    states = world.states()
    assert {run for run, state in states.items() if state is RunState.RUNNING} == {
        claim.run_id for claim in lost
    }
    assert [run for run, state in states.items() if state is RunState.PENDING] == [runs[2].run_id]


@pytest.mark.parametrize("taken_first", [True, False])
def test_a_request_leads_to_its_one_run_whichever_comes_first(world: World, taken_first: bool):
    definition = world.define()
    request = world.request(definition, args='["--slow"]')
    key = f"m:{request}"
    claim = claim_of(uuid7(), definition, slot_key=key, scheduled_for=T0, args=["--slow"])
    steps = [
        lambda: world.plan_request_of(definition, request),
        lambda: replay(world, claim),
    ]
    for step in steps if taken_first else reversed(steps):
        step()
    assert world.states() == {claim.run_id: RunState.RUNNING}
    pointed = world.value("SELECT run_id FROM scheduler_run_request")
    assert UUID(str(pointed)) == claim.run_id
    assert json.loads(world.detail(claim.run_id, "args")) == ["--slow"]


def test_an_attempt_that_came_back_is_not_spawned_twice(world: World):
    definition = world.define()
    (first,) = world.plan(definition)
    tokens = world.start([first])
    failed = result(first, tokens[first], RunState.FAILED, retry_delay_seconds=0.0)
    world.workers.finish("w-1", [failed])
    second = claim_of(uuid7(), definition, attempt=2, orphan_count=1)
    assert replay(world, second) == [second.run_id]
    assert world.leader.spawn_retries(world.fence, 10) == []
    assert world.states() == {first: RunState.FAILED, second.run_id: RunState.RUNNING}
    assert UUID(str(world.run_value(second.run_id, "retry_of"))) == first
    assert world.run_value(second.run_id, "orphan_count") == 1


def test_the_whole_journal_may_be_replayed_again_and_again(world: World):
    definition = world.define()
    claim = claim_of(uuid7(), definition)
    end = result(claim.run_id, claim.claim_token)
    for turn in range(3):
        assert replay(world, claim) == ([claim.run_id] if turn == 0 else [])
        taken = world.workers.finish("w-1", [end])
        assert taken == ([claim.run_id] if turn == 0 else [])
    assert world.states() == {claim.run_id: RunState.SUCCEEDED}
    assert world.detail(claim.run_id, "late_result") is None


def test_a_run_lasts_from_its_claim_not_from_its_replay(world: World):
    claim = claim_of(uuid7(), world.define())
    replay(world, claim)
    age = world.value(
        "SELECT extract(epoch FROM clock_timestamp() - r.started_at)::float8"
        " FROM scheduler_job_run AS r"
    )
    assert age == pytest.approx(3.0, abs=1.0)


def test_a_run_of_a_definition_that_was_lost_too_has_no_row(world: World):
    assert replay(world, claim_of(uuid7(), 4711)) == []
    assert world.states() == {}


def test_a_run_of_a_dead_worker_that_came_back_is_orphaned_as_any_other(world: World):
    claim = claim_of(uuid7(), world.define(), worker_id="w-gone")
    replay(world, claim)
    assert [run for run, _, _ in world.leader.orphan_candidates(10)] == [claim.run_id]
    assert world.leader.orphan(world.fence, [(claim.run_id, 0.0, False)]) == [claim.run_id]


class TestTheStormGuard:
    """... goes on counting a run that came back, from its claim on."""

    def starts(self, world: World, definition: int) -> list[tuple[bool, Any]]:
        found = world.leader.starts([definition])
        return [(each.is_retry, each.age_seconds) for each in found]

    def fail(self, world: World, definition: int, state: RunState = RunState.FAILED) -> None:
        """The first attempt of a slot that is owed another."""
        (first,) = world.plan(definition)
        token = world.start([first])[first]
        world.workers.finish("w-1", [result(first, token, state, retry_delay_seconds=0.0)])

    def test_counts_a_run_whose_row_is_gone(self, world: World):
        definition = world.define()
        world.limit(definition, start_cap_per_minute=1)
        replay(world, claim_of(uuid7(), definition))
        assert self.starts(world, definition) == [(False, pytest.approx(3.0, abs=1.0))]

    @pytest.mark.parametrize("assigned", [True, False])
    def test_counts_once_a_run_of_a_slot_that_was_planned_anew(self, world: World, assigned: bool):
        definition = world.define()
        world.limit(definition, start_cap_per_minute=1)
        (planned_anew,) = world.plan(definition)
        if assigned:
            triple = (planned_anew, "w-1", world.next_seq())
            world.leader.assign(world.fence, [triple], counted=[(planned_anew, False)])
        replay(world, claim_of(uuid7(), definition, assign_seq=world.next_seq()))
        assert self.starts(world, definition) == [(False, pytest.approx(3.0, abs=1.0))]
        assert world.count("scheduler_job_start") == 1

    def test_counts_once_a_run_that_keeps_its_row(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        triple = (run, "w-1", world.next_seq())
        world.leader.assign(world.fence, [triple], counted=[(run, False)])
        replay(world, claim_of(run, definition, assign_seq=world.next_seq()))
        assert len(self.starts(world, definition)) == 1

    @pytest.mark.parametrize("spawned", [True, False])
    def test_counts_a_retry_as_one(self, world: World, spawned: bool):
        definition = world.define()
        world.limit(definition, retry_budget_per_hour=1)
        self.fail(world, definition)
        if spawned:
            assert len(world.leader.spawn_retries(world.fence, 10)) == 1
        replay(world, claim_of(uuid7(), definition, attempt=2))
        assert [is_retry for is_retry, _ in self.starts(world, definition)] == [True]

    def test_counts_a_retry_of_a_lost_run_as_a_start_only(self, world: World):
        definition = world.define()
        world.limit(definition, retry_budget_per_hour=1)
        self.fail(world, definition)
        world.session.run(Statement("UPDATE scheduler_job_run SET state = 'ORPHANED'"))
        replay(world, claim_of(uuid7(), definition, attempt=2))
        assert [is_retry for is_retry, _ in self.starts(world, definition)] == [False]

    @pytest.mark.parametrize(("orphans", "own"), [(0, True), (1, False)])
    def test_knows_a_retry_though_the_attempt_before_is_lost(self, world, orphans, own):
        definition = world.define()
        world.limit(definition, retry_budget_per_hour=1)
        replay(world, claim_of(uuid7(), definition, attempt=2, orphan_count=orphans))
        assert [is_retry for is_retry, _ in self.starts(world, definition)] == [own]

    def test_does_not_count_what_was_not_lost(self, world: World):
        definition = world.define()
        (run,) = world.plan(definition)
        tokens = world.start([run])
        replay(world, claim_of(run, definition, claim_token=tokens[run]))
        assert world.count("scheduler_job_start") == 0


def test_plugins_are_told_of_what_came_back(world: World):
    started = [(RunState.ASSIGNED, RunState.RUNNING)]
    store = SqlWorkerStore(world.database, declared_transitions=started)
    claim = claim_of(uuid7(), world.define())
    store.replay_claims([(claim, 1.0)])
    store.close()
    with SqlOutbox(world.database) as outbox:
        told = outbox.unread("someone", 10).items
    assert [(each.run_id, each.new) for each in told] == [(claim.run_id, RunState.RUNNING)]


def test_a_worker_joins_in_step_unless_it_brings_a_journal_of_an_earlier_life(world: World):
    current = world.cluster.read().timeline
    answer = world.leases.register(facts_of("w-2"))
    world.leases.register(facts_of("w-3"), replayed_timeline=current + 7)
    assert answer.timeline == current
    seen = {view.facts.worker_id: view.replayed_timeline for view in world.leases.live()}
    assert seen == {"w-1": current, "w-2": current, "w-3": current + 7}


def test_who_has_not_replayed_is_named_until_it_has_or_is_lost(world: World):
    for name in ("w-2", "w-3"):
        world.leases.register(facts_of(name), replayed_timeline=41)
    world.session.run(Statement("UPDATE scheduler_worker_lease SET replayed_timeline = 41"))
    world.session.run(
        Statement("UPDATE scheduler_worker_lease SET replayed_timeline = 0 WHERE worker_id = 'w-1'")
    )
    assert world.workers.replaying(42) == ["w-2", "w-3"]
    world.workers.set_replayed("w-2", 42)
    assert world.workers.replaying(42) == ["w-3"]
    world.lose("w-3")
    assert world.workers.replaying(42) == []


def test_a_lost_worker_cannot_say_that_it_has_replayed(world: World):
    world.leases.register(facts_of("w-2"), replayed_timeline=41)
    world.lose("w-2")
    world.workers.set_replayed("w-2", 42)
    row = world.value(
        "SELECT l.replayed_timeline FROM scheduler_worker_lease AS l WHERE l.worker_id = 'w-2'"
    )
    assert row == 41
    assert LeaseState.LOST not in {view.state for view in world.leases.live()}


def test_nothing_is_written_on_a_timeline_that_is_not_expected(world: World):
    (run,) = world.plan(world.define())
    timeline = world.cluster.read().timeline
    stores = (world.workers, world.leader, world.leases)
    for store in stores:
        store.expect_timeline(timeline)
    tokens = world.start([run])
    for store in stores:
        store.expect_timeline(timeline + 1)
    if world.database.vendor == "sqlite":
        assert world.workers.finish("w-1", [result(run, tokens[run])]) == [run]
        return
    with pytest.raises(TimelineChanged, match=f"from timeline {timeline + 1} to {timeline}"):
        world.workers.finish("w-1", [result(run, tokens[run])])
    with pytest.raises(TimelineChanged):
        world.leader.spawn_retries(world.fence, 10)
    with pytest.raises(TimelineChanged):
        world.leases.mark_lost(world.fence, ["w-1"])
    world.workers.expect_timeline(timeline)
    assert world.workers.finish("w-1", [result(run, tokens[run])]) == [run]
