"""The worker's hands: claim before start, report after end, nothing lost in between."""

import signal
from dataclasses import replace
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from scheduler.domain.values import (
    DesiredMode,
    ForkServerLost,
    ProcessExited,
    ProcessNotStarted,
    Reason,
    RunState,
)
from scheduler.ports import MyRow
from scheduler.runtime.reporter import REFUSED
from tests.unit.runtime.worlds import OneWorker, again, order


@pytest.fixture
def worker() -> OneWorker:
    return OneWorker()


def exited(run_id, code=0, **more):
    return ProcessExited(run_id, code, None, 0.0, **more)


def test_a_run_starts_only_after_its_claim(worker):
    mine, taken = order(), order()
    worker.offer(mine, taken)
    del worker.store.claimable[taken.run_id]
    worker.tick()
    assert [spec.run_id for spec in worker.host.launched] == [mine.run_id]


def test_what_plugins_add_is_asked_for_beside_the_claim_and_taken_for_what_was_claimed(worker):
    mine, taken = order(), order()
    worker.offer(mine, taken)
    del worker.store.claimable[taken.run_id]
    worker.tick()
    assert worker.begun == [set()], "nothing was claimed yet"
    assert worker.prepared == [mine.run_id]


def test_an_order_handed_over_ahead_starts_at_its_time_and_not_before(worker):
    later = order(start_in=5.0)
    worker.offer(later)
    assert worker.tick(4.9) == pytest.approx(1005.0)
    assert worker.host.launched == []
    worker.tick(0.2)
    assert [spec.run_id for spec in worker.host.launched] == [later.run_id]


def test_the_command_of_an_order_is_loaded_ahead_unless_a_new_interpreter_shall(worker):
    worker.offer(order(start_in=5.0))
    assert worker.host.warmed == ["noop"]
    worker.offer(replace(order(start_in=5.0), isolation="exec", command="cold"))
    assert worker.host.warmed == ["noop"]


def test_a_run_whose_claim_was_refused_by_a_pause_starts_soon_after_it(worker):
    held = order()
    worker.tick()
    worker.offer(held)
    seq = worker.store.claimable.pop(held.run_id)
    worker.tick()
    assert worker.host.launched == []
    worker.store.rows = [MyRow(held.run_id, RunState.ASSIGNED, seq, None, cancel_requested=False)]
    worker.store.orders_in_rdb = [held]
    worker.store.claimable[held.run_id] = seq
    worker.tick(0.5)
    worker.tick()
    assert [spec.run_id for spec in worker.host.launched] == [held.run_id]


def test_the_same_order_twice_starts_one_process(worker):
    once = order()
    worker.offer(once)
    worker.agent.offer([once], worker.clock.at)
    worker.tick()
    worker.agent.offer([once], worker.clock.at)
    worker.tick()
    assert len(worker.host.launched) == 1


def test_of_two_assignments_of_a_run_the_later_is_claimed(worker):
    newer = order(assign_seq=2)
    worker.offer(newer)
    worker.agent.offer([again(newer, assign_seq=1)], worker.clock.at)
    worker.tick()
    assert [spec.run_id for spec in worker.host.launched] == [newer.run_id]


def test_a_claim_whose_answer_was_lost_is_asked_again_under_the_same_token(worker):
    run = order()
    worker.offer(run)
    worker.store.lose_answer = True
    worker.tick()
    assert worker.host.launched == []
    worker.tick(1.0)
    assert [spec.run_id for spec in worker.host.launched] == [run.run_id]


def test_what_comes_due_on_a_full_worker_is_given_back():
    worker = OneWorker(capacity=1)
    first, later = order(), order(start_in=3.0)
    worker.offer(first, later)
    worker.tick()
    worker.tick(3.0)
    assert worker.store.given_back == [later.run_id]


def test_a_draining_worker_refuses_orders_and_gives_back_what_it_has(worker):
    worker.offer(held := order(start_in=60.0))
    worker.member.desired = DesiredMode.DRAINING
    worker.tick()
    assert worker.store.given_back == [held.run_id]
    assert worker.offer(late := order()) == [(late.run_id, "draining")]


def test_nothing_is_started_that_the_lease_would_end_at_once(worker):
    worker.clock.at = worker.member.deadline.at - 1.0
    worker.offer(order())
    due_at = worker.tick()
    assert worker.host.launched == []
    assert due_at > worker.clock.at


@pytest.mark.parametrize(
    ("event", "state", "reason"),
    [
        ({"code": 0}, RunState.SUCCEEDED, None),
        ({"code": 0, "canceled": True}, RunState.SUCCEEDED, None),
        ({"code": 3}, RunState.FAILED, Reason.EXIT_CODE),
        ({"code": 1, "timed_out": True}, RunState.TIMED_OUT, Reason.TIMEOUT),
        ({"code": 1, "canceled": True}, RunState.CANCELED, Reason.CANCELED_BY_REQUEST),
        ({"code": 1, "lease_lost": True}, RunState.ORPHANED, Reason.LEASE_LOST),
    ],
)
def test_the_end_of_a_process_becomes_the_run_s_result(worker, event, state, reason):
    worker.offer(run := order())
    worker.tick()
    worker.agent.happened([exited(run.run_id, **event)])
    worker.tick()
    (result,) = worker.store.finished
    assert (result.state, result.reason) == (state, reason)
    assert result.claim_token == worker.store.tokens[run.run_id]
    assert result.log_ref == f"/logs/{run.run_id}.log"


def test_a_run_killed_by_a_signal_says_which(worker):
    worker.offer(run := order())
    worker.tick()
    worker.agent.happened([ProcessExited(run.run_id, None, signal.SIGSEGV, 0.0)])
    worker.tick()
    (result,) = worker.store.finished
    assert (result.reason, result.error) == (Reason.KILLED_BY_SIGNAL, "killed by signal 11")


def test_runs_of_a_lost_fork_server_are_orphaned_and_tried_again(worker):
    worker.offer(run := order())
    worker.tick()
    worker.agent.happened([ForkServerLost((run.run_id,))])
    worker.tick()
    (result,) = worker.store.finished
    assert (result.state, result.retry_delay_seconds) == (RunState.ORPHANED, 0.0)


def test_a_process_that_could_not_start_fails_with_the_sentence_why(worker):
    worker.offer(run := order())
    worker.tick()
    worker.agent.happened([ProcessNotStarted(run.run_id, "no such command")])
    worker.tick()
    (result,) = worker.store.finished
    assert (result.reason, result.error) == (Reason.START_FAILED, "no such command")


def test_results_wait_on_disk_while_the_rdb_is_away_and_are_written_once(worker):
    worker.offer(run := order())
    worker.tick()
    worker.store.away = True
    worker.agent.happened([exited(run.run_id)])
    worker.tick()
    assert [kept.run_id for kept in worker.spool.kept] == [run.run_id]
    assert not worker.agent.idle()
    worker.store.away = False
    worker.tick(1.0)
    worker.tick(1.0)
    assert [result.run_id for result in worker.store.finished] == [run.run_id]
    assert worker.spool.kept == []
    assert worker.agent.idle()


def test_a_run_that_the_host_would_not_start_is_tried_again_whatever_its_policy(worker):
    once = order()
    worker.offer(once)
    worker.tick()
    worker.agent.happened([ProcessNotStarted(once.run_id, "the lease is over", blameless=True)])
    worker.tick()
    (result,) = worker.store.finished
    assert (result.state, result.reason) == (RunState.FAILED, Reason.NEVER_STARTED)
    assert result.retry_delay_seconds == 0.0


def test_a_cancel_reaches_the_process_of_a_run_and_drops_an_order_not_started(worker):
    running, waiting = order(), order(start_in=60.0)
    worker.offer(running, waiting)
    worker.tick()
    stranger = uuid4()
    known = worker.agent.cancel([running.run_id, waiting.run_id, stranger])
    worker.tick()
    assert set(known) == {running.run_id, waiting.run_id}
    assert worker.host.canceled == [running.run_id]
    worker.tick(61.0)
    assert len(worker.host.launched) == 1


def test_a_running_row_without_a_process_is_finished_as_never_started_and_tried_again(worker):
    run_id, token = uuid4(), uuid4()
    worker.store.rows = [worker.running_row(run_id, token)]
    worker.agent.check_now()
    worker.tick()
    worker.tick()
    (result,) = worker.store.finished
    assert (result.state, result.reason) == (RunState.FAILED, Reason.NEVER_STARTED)
    assert (result.claim_token, result.retry_delay_seconds) == (token, 0.0)


def test_a_process_without_its_claim_is_killed(worker):
    worker.offer(run := order())
    worker.tick()
    worker.store.rows = []
    worker.agent.check_now()
    worker.tick()
    assert worker.host.canceled == [run.run_id]


def test_an_order_whose_command_was_lost_is_found_in_the_rdb(worker):
    lost = order()
    worker.store.claimable[lost.run_id] = lost.assign_seq
    worker.store.orders_in_rdb = [lost]
    worker.store.rows = [MyRow(lost.run_id, RunState.ASSIGNED, 1, None, cancel_requested=False)]
    worker.agent.check_now()
    worker.tick()
    worker.tick()
    assert [spec.run_id for spec in worker.host.launched] == [lost.run_id]


def test_a_cancel_whose_command_was_lost_is_found_in_the_rdb(worker):
    worker.offer(run := order())
    worker.tick()
    token = worker.store.tokens[run.run_id]
    worker.store.rows = [MyRow(run.run_id, RunState.RUNNING, 1, token, cancel_requested=True)]
    worker.agent.check_now()
    worker.tick()
    worker.tick()
    assert worker.host.canceled == [run.run_id]


def test_the_leader_is_told_when_runs_end(worker):
    worker.offer(run := order())
    worker.tick()
    worker.bell.rung.clear()
    worker.agent.happened([exited(run.run_id)])
    worker.tick()
    assert worker.bell.rung == ["leader"]


def test_a_worker_that_is_no_member_does_not_spin(worker):
    worker.member.leave()
    assert worker.tick(60.0) > worker.clock.at


def test_a_run_that_is_being_claimed_is_not_idleness(worker):
    seen = []
    original = worker.store.claim

    def look(worker_id, claims, *, hold_seq):
        seen.append(worker.agent.idle())
        return original(worker_id, claims, hold_seq=hold_seq)

    worker.store.claim = look
    worker.offer(order())
    worker.tick()
    assert seen == [False]


def look(worker):
    """One comparison with the RDB, and what follows from it."""
    worker.agent.check_now()
    worker.tick(1.0)
    worker.tick(1.0)


def test_a_run_that_the_host_lost_sight_of_is_finished_after_two_looks(worker):
    worker.offer(order())
    worker.tick()
    worker.host.alive.clear()
    look(worker)
    assert worker.store.finished == []
    look(worker)
    (result,) = worker.store.finished
    assert (result.state, result.reason) == (RunState.FAILED, Reason.NEVER_STARTED)
    assert worker.agent.running() == ()


def test_a_run_that_the_host_knows_again_goes_on(worker):
    worker.offer(run := order())
    worker.tick()
    for alive in (set(), {run.run_id}, set(), {run.run_id}):
        worker.host.alive = alive
        look(worker)
    assert worker.store.finished == []


def test_an_order_received_again_during_its_claim_keeps_the_token_that_the_rdb_knows(worker):
    run = order()
    worker.offer(run)
    worker.store.lose_answer = True
    claim = worker.store.claim

    def claim_and_hear_again(*args, **options):
        worker.agent.offer([run], worker.clock.at)
        return claim(*args, **options)

    worker.store.claim = claim_and_hear_again
    worker.tick()
    worker.store.claim = claim
    worker.tick(1.0)
    assert [spec.run_id for spec in worker.host.launched] == [run.run_id]


def test_a_result_that_the_rdb_refuses_keeps_no_other_from_being_written(worker):
    good, bad = order(), order()
    worker.offer(good, bad)
    worker.tick()
    finish = worker.store.finish

    def refuse(worker_id, results):
        if any(result.log_ref and result.run_id == bad.run_id for result in results):
            raise ValueError("a NUL in a text")
        return finish(worker_id, results)

    worker.store.finish = refuse
    worker.agent.happened([exited(bad.run_id, 3), exited(good.run_id)])
    worker.tick()
    written = {result.run_id: result for result in worker.store.finished}
    assert written[good.run_id].state is RunState.SUCCEEDED
    assert (written[bad.run_id].state, written[bad.run_id].exit_code) == (RunState.FAILED, 3)
    assert written[bad.run_id].error == REFUSED
    assert worker.agent.idle()


def test_a_result_that_the_rdb_refuses_altogether_is_given_up_with_an_error(worker):
    worker.offer(run := order())
    worker.tick()

    def refuse(worker_id, results):
        raise ValueError("no")

    worker.store.finish = refuse
    worker.agent.happened([exited(run.run_id)])
    with capture_logs() as logs:
        worker.tick()
    assert "result_refused" in {entry["event"] for entry in logs}
    assert worker.agent.idle()


def test_an_order_that_no_process_can_be_made_of_fails_with_the_reason(worker):
    worker.offer(order())

    def refuse(specs):
        raise TypeError("no JSON")

    worker.host.launch = refuse
    worker.tick()
    worker.tick()
    (result,) = worker.store.finished
    assert (result.reason, result.error) == (
        Reason.START_FAILED,
        "the order to start it could not be written: no JSON",
    )
