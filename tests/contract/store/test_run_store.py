from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import Reason, ResourceUse, RunState
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World, result


@pytest.fixture
def run(world: World):
    (run,) = world.plan(world.define())
    return run


def cancel(world: World, run) -> None:
    world.leader.request_cancel(world.fence, [run], Reason.CANCELED_BY_REQUEST)


class TestAssigning:
    def test_gives_the_order_that_the_worker_needs(self, world: World, run):
        ((worker, order),) = world.leader.assign(world.fence, [(run, "w-1", 7)])
        assert (worker, order.run_id, order.assign_seq) == ("w-1", run, 7)
        assert (order.job_name, order.command, order.args) == ("report", "noop", ["--fast"])
        assert (order.retry.max_attempts, order.scheduled_for) == (3, T0)
        assert order.start_in_seconds >= 0

    def test_tells_how_long_until_a_run_that_is_due_later(self, world: World):
        due = world.now() + timedelta(seconds=100)
        (run,) = world.plan(world.define(), due_at=due)
        ((_, order),) = world.leader.assign(world.fence, [(run, "w-1", 7)])
        assert 90 < order.start_in_seconds <= 100

    def test_happens_once(self, world: World, run):
        assert world.assign([run])
        assert not world.assign([run])

    def test_never_gives_a_run_to_a_worker_that_is_not_live(self, world: World, run):
        world.worker("w-2")
        world.leases.leave("w-2")
        assert not world.assign([run], "w-2")
        assert not world.assign([run], "w-unknown")
        assert world.state(run) is RunState.PENDING

    def test_never_gives_out_a_run_whose_cancel_is_requested(self, world: World, run):
        cancel(world, run)
        assert not world.assign([run])

    def test_a_deposed_leader_cannot_assign(self, world: World, run):
        old = world.fence
        world.elect("w-2")
        with pytest.raises(StaleEpoch):
            world.leader.assign(old, [(run, "w-1", 1)])
        assert world.state(run) is RunState.PENDING

    def test_of_nothing_asks_nothing(self, world: World):
        assert world.leader.assign(world.fence, []) == []

    def test_more_than_a_statement_takes_is_assigned_in_parts(self, world: World):
        runs = world.plan(world.define(), 1001)
        assert len(world.assign(runs)) == 1001

    def test_is_taken_back_by_its_own_number_only(self, world: World, run):
        seq = world.assign([run])[run]
        assert world.leader.unassign(world.fence, [(run, seq - 1)], Reason.REASSIGNED) == []
        assert world.leader.unassign(world.fence, [(run, seq)], Reason.REASSIGNED) == [run]
        assert world.state(run) is RunState.PENDING
        assert world.run_value(run, "worker_id") is None

    def test_runs_of_workers_that_are_gone_come_back(self, world: World):
        world.worker("w-2")
        lost, kept = world.plan(world.define(), 2)
        world.assign([lost], "w-2")
        world.assign([kept], "w-1")
        world.leases.leave("w-2")
        assert world.leader.unassign_lost(world.fence) == [lost]
        assert world.states() == {lost: RunState.PENDING, kept: RunState.ASSIGNED}

    def test_active_rows_tell_who_has_them_and_since_when(self, world: World, run):
        seq = world.assign([run])[run]
        (row,) = world.leader.active()
        assert (row.run_id, row.state, row.worker_id) == (run, RunState.ASSIGNED, "w-1")
        assert (row.assign_seq, row.cancel_requested) == (seq, False)
        assert 0 <= row.assigned_age_seconds < 60


class TestClaiming:
    def test_makes_an_assigned_run_run(self, world: World, run):
        world.start([run])
        assert world.state(run) is RunState.RUNNING
        assert world.run_value(run, "started_at") is not None

    def test_happens_once(self, world: World, run):
        seq = world.assign([run])[run]
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0) == [run]
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0) == []

    def test_asked_again_under_the_same_token_is_answered_the_same(self, world: World, run):
        claim = (run, world.assign([run])[run], uuid4())
        assert world.workers.claim("w-1", [claim], hold_seq=0) == [run]
        assert world.workers.claim("w-1", [claim], hold_seq=0) == [run]

    def test_needs_the_number_of_the_present_assignment(self, world: World, run):
        old = world.assign([run])[run]
        world.leader.unassign(world.fence, [(run, old)], Reason.REASSIGNED)
        world.assign([run])
        assert world.workers.claim("w-1", [(run, old, uuid4())], hold_seq=0) == []

    def test_needs_the_run_to_be_in_my_name(self, world: World, run):
        world.worker("w-2")
        seq = world.assign([run])[run]
        assert world.workers.claim("w-2", [(run, seq, uuid4())], hold_seq=0) == []

    def test_needs_a_live_lease(self, world: World, run):
        seq = world.assign([run])[run]
        world.lose("w-1")
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0) == []
        assert world.state(run) is RunState.ASSIGNED

    def test_is_refused_once_a_cancel_is_requested(self, world: World, run):
        seq = world.assign([run])[run]
        cancel(world, run)
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0) == []

    def test_is_refused_after_a_pause_that_the_worker_has_not_heard_of(self, world: World, run):
        seq = world.assign([run])[run]
        world.session.run(Statement("UPDATE scheduler_cluster SET hold_seq = hold_seq + 1"))
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0) == []
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=1) == [run]

    def test_is_refused_while_the_cluster_is_paused(self, world: World, run):
        seq = world.assign([run])[run]
        world.session.run(Statement("UPDATE scheduler_cluster SET paused = true"))
        assert world.workers.claim("w-1", [(run, seq, uuid4())], hold_seq=0) == []

    def test_orders_can_be_read_when_the_command_was_lost(self, world: World, run):
        seq = world.assign([run])[run]
        (order,) = world.workers.orders("w-1", [run])
        assert (order.run_id, order.assign_seq) == (run, seq)
        assert world.workers.orders("w-2", [run]) == []

    def test_a_run_given_back_waits_again(self, world: World, run):
        seq = world.assign([run])[run]
        assert world.workers.give_back("w-2", [(run, seq)]) == []
        assert world.workers.give_back("w-1", [(run, seq)]) == [run]
        assert world.state(run) is RunState.PENDING

    def test_mine_are_the_open_runs_in_my_name(self, world: World):
        ran, ended, assigned = world.plan(world.define(), 3)
        tokens = world.start([ran, ended])
        world.assign([assigned])
        world.workers.finish("w-1", [result(ended, tokens[ended])])
        mine = {row.run_id: row for row in world.workers.mine("w-1")}
        assert set(mine) == {ran, assigned}
        assert mine[ran].claim_token == tokens[ran]
        assert mine[assigned].claim_token is None


class TestFinishing:
    def test_keeps_the_outcome_and_what_it_cost(self, world: World, run):
        token = world.start([run])[run]
        use = ResourceUse(1.5, 0.5, 1 << 20, 10, None)
        done = result(run, token, exit_code=0, use=use, log_ref="w-1.log")
        assert world.workers.finish("w-1", [done]) == [run]
        assert world.state(run) is RunState.SUCCEEDED
        assert world.run_value(run, "finished_at") is not None
        assert world.run_value(run, "exit_code") == 0
        assert world.detail(run, "max_rss_bytes") in ("1048576", 1048576)
        assert world.detail(run, "log_ref") == "w-1.log"
        assert world.run_value(run, "retry_due_at") is None

    def test_keeps_the_arguments_beside_it(self, world: World):
        definition = world.define()
        request = world.request(definition, args="[1]")
        run = world.plan_request_of(definition, request)
        token = world.start([run])[run]
        world.workers.finish("w-1", [result(run, token, error="boom")])
        assert world.detail(run, "args") == "[1]"
        assert world.detail(run, "error") == "boom"

    def test_takes_whatever_text_an_error_has(self, world: World, run):
        token = world.start([run])[run]
        odd = replace(result(run, token), error="a\0b\ud800c")
        assert world.workers.finish("w-1", [odd]) == [run]
        assert world.detail(run, "error") == "ab?c"

    def test_of_another_claim_changes_nothing(self, world: World, run):
        world.start([run])
        assert world.workers.finish("w-1", [result(run, uuid4())]) == []
        assert world.state(run) is RunState.RUNNING

    def test_twice_is_once(self, world: World, run):
        token = world.start([run])[run]
        done = result(run, token)
        assert world.workers.finish("w-1", [done, done]) == [run]
        assert world.workers.finish("w-1", [done]) == []
        assert world.detail(run, "late_result") is None

    def test_by_the_next_life_of_the_worker_counts(self, world: World, run):
        token = world.start([run])[run]
        assert world.workers.finish("w-1b", [result(run, token)]) == [run]

    def test_marks_when_the_retry_is_due(self, world: World, run):
        token = world.start([run])[run]
        failed = result(run, token, RunState.FAILED, retry_delay_seconds=30.0, exit_code=1)
        world.workers.finish("w-1", [failed])
        waited = world.value(
            "SELECT extract(epoch FROM retry_due_at - finished_at)::float8 FROM scheduler_job_run"
        )
        assert waited == pytest.approx(30.0, abs=0.1)

    def test_of_a_run_to_be_canceled_is_followed_by_no_retry(self, world: World, run):
        token = world.start([run])[run]
        cancel(world, run)
        failed = result(run, token, RunState.FAILED, retry_delay_seconds=30.0)
        world.workers.finish("w-1", [failed])
        assert world.run_value(run, "retry_due_at") is None

    def test_with_success_beats_a_cancel_that_came_too_late(self, world: World, run):
        token = world.start([run])[run]
        cancel(world, run)
        world.workers.finish("w-1", [result(run, token)])
        assert world.state(run) is RunState.SUCCEEDED

    def test_of_a_replaced_run_says_that_it_was_replaced(self, world: World, run):
        token = world.start([run])[run]
        world.leader.request_cancel(world.fence, [run], Reason.REPLACED)
        canceled = result(run, token, RunState.CANCELED, reason=Reason.CANCELED_BY_REQUEST)
        world.workers.finish("w-1", [canceled])
        assert world.run_value(run, "reason") == "REPLACED"

    def test_after_the_run_was_orphaned_is_kept_as_a_late_result(self, world: World, run):
        token = world.start([run])[run]
        world.lose("w-1")
        world.leader.orphan(world.fence, [(run, 0.0, False)])
        assert world.workers.finish("w-1", [result(run, token, exit_code=0)]) == []
        assert world.state(run) is RunState.ORPHANED
        assert '"SUCCEEDED"' in world.detail(run, "late_result")

    def test_may_put_the_definition_into_quarantine(self, world: World, run):
        token = world.start([run])[run]
        world.workers.finish("w-1", [result(run, token, RunState.FAILED, quarantine=True)])
        assert world.value("SELECT quarantined_at FROM scheduler_job_definition") is not None


class TestCanceling:
    def test_what_waits_is_canceled_at_once(self, world: World):
        pending, assigned, running = world.plan(world.define(), 3)
        world.assign([assigned])
        world.start([running])
        runs = [pending, assigned, running]
        asked = world.leader.request_cancel(world.fence, runs, Reason.CANCELED_BY_REQUEST)
        assert sorted(asked) == sorted(runs)
        assert sorted(world.leader.cancel_waiting(world.fence)) == sorted([pending, assigned])
        assert world.state(running) is RunState.RUNNING
        assert world.run_value(pending, "reason") == "CANCELED_BY_REQUEST"

    def test_is_requested_once(self, world: World, run):
        cancel(world, run)
        assert world.leader.request_cancel(world.fence, [run], Reason.REPLACED) == []
        assert world.run_value(run, "reason") == "CANCELED_BY_REQUEST"

    def test_a_deposed_leader_cannot_cancel(self, world: World, run):
        old = world.fence
        cancel(world, run)
        world.elect("w-2")
        with pytest.raises(StaleEpoch):
            world.leader.cancel_waiting(old)
        assert world.state(run) is RunState.PENDING


class TestSkipping:
    def test_keeps_the_reason(self, world: World, run):
        skipped = world.leader.skip(world.fence, [(run, Reason.SKIP_LATE, "301 s late")])
        assert skipped == [run]
        assert world.state(run) is RunState.SKIPPED
        assert world.run_value(run, "reason") == "SKIP_LATE"
        assert world.detail(run, "reason_detail") == "301 s late"

    def test_never_touches_a_run_that_runs(self, world: World, run):
        world.start([run])
        assert world.leader.skip(world.fence, [(run, Reason.SKIP_LATE, "")]) == []
        assert world.state(run) is RunState.RUNNING


class TestOrphaning:
    def test_never_touches_the_run_of_a_live_worker(self, world: World, run):
        world.start([run])
        assert world.leader.orphan_candidates(10) == []
        assert world.leader.orphan(world.fence, [(run, 0.0, False)]) == []
        assert world.state(run) is RunState.RUNNING

    def test_ends_the_run_of_a_lost_worker_and_marks_its_retry(self, world: World, run):
        world.start([run])
        world.lose("w-1")
        ((candidate, orphans, order),) = world.leader.orphan_candidates(10)
        assert (candidate, orphans, order.retry.max_orphans) == (run, 0, 2)
        assert world.leader.orphan(world.fence, [(run, 0.0, False)]) == [run]
        assert world.state(run) is RunState.ORPHANED
        assert world.run_value(run, "retry_due_at") is not None
        assert world.run_value(run, "reason") == "WORKER_LOST"

    def test_may_put_the_definition_into_quarantine(self, world: World, run):
        world.start([run])
        world.lose("w-1")
        world.leader.orphan(world.fence, [(run, None, True)])
        assert world.run_value(run, "retry_due_at") is None
        world.plan(world.define("other"))
        assert (
            world.value(
                "SELECT count(*) FROM scheduler_job_definition WHERE quarantined_at IS NOT NULL"
            )
            == 1
        )

    def test_a_deposed_leader_cannot_orphan(self, world: World, run):
        old = world.fence
        world.start([run])
        world.lose("w-1")
        world.elect("w-2")
        with pytest.raises(StaleEpoch):
            world.leader.orphan(old, [(run, None, False)])
        assert world.state(run) is RunState.RUNNING
