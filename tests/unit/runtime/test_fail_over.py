"""After a fail-over a worker writes again what it wrote, and starts nothing before all have."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from scheduler.domain.errors import SchedulerError
from scheduler.domain.values import (
    ProcessExited,
    RunState,
)
from scheduler.ports import MyRow
from tests.unit.runtime.worlds import OneWorker, order


@pytest.fixture
def worker() -> OneWorker:
    """A worker in step with timeline 1."""
    worker = OneWorker()
    worker.tick()
    worker.store.told.clear()
    return worker


def fail_over(worker: OneWorker, timeline: int = 2) -> None:
    """The database answers from another timeline; nobody has told the worker."""
    worker.store.timeline = worker.leases.timeline = timeline


def end(worker: OneWorker, run_id: Any) -> None:
    worker.agent.happened([ProcessExited(run_id, 0, None, 0.0)])


def test_won_claims_and_answered_results_are_in_the_journal(worker):
    won, lost = order(7), order(8)
    worker.offer(won, lost)
    del worker.store.claimable[lost.run_id]
    worker.tick()
    end(worker, won.run_id)
    worker.tick()
    (claim,) = worker.journal.claims(0.0)
    assert (claim.run_id, claim.slot_key, claim.assign_seq) == (won.run_id, won.slot_key, 7)
    assert (claim.claim_token, claim.worker_id) == (worker.store.tokens[won.run_id], "w-1")
    assert [kept.run_id for kept in worker.journal.results(0.0)] == [won.run_id]


def test_arguments_of_their_own_are_kept_and_those_of_the_definition_are_not(worker):
    timed = replace(order(1), args=["--a"])
    asked_for = replace(order(2), args=["--b"], slot_key="m:1")
    worker.offer(timed, asked_for)
    worker.tick()
    assert [claim.args for claim in worker.journal.claims(0.0)] == [None, ["--b"]]


def test_a_claim_is_in_the_journal_before_its_process_starts(worker):
    seen = []
    worker.host.launch = lambda specs: seen.append(len(worker.journal.claims(0.0)))
    worker.offer(order())
    worker.tick()
    assert seen == [1]


def test_a_full_disk_keeps_no_run_from_starting(worker):
    worker.journal.fails = SchedulerError("no room")
    worker.offer(run := order())
    worker.tick()
    assert [spec.run_id for spec in worker.host.launched] == [run.run_id]


@pytest.mark.parametrize("how", ["statement", "renewal"])
def test_a_fail_over_is_noticed_by_a_statement_or_by_the_renewal(worker, how):
    worker.offer(run := order())
    worker.tick()
    fail_over(worker)
    if how == "statement":
        end(worker, run.run_id)
    else:
        worker.lease.tick(worker.clock.at)
    worker.tick()
    worker.tick()
    assert [claim.run_id for claim in worker.store.replayed] == [run.run_id]
    assert worker.store.told == [("w-1", 2)]


def test_results_are_written_again_after_the_claims_and_before_anything_new(worker):
    worker.offer(done := order(1), running := order(2))
    worker.tick()
    end(worker, done.run_id)
    worker.tick()
    worker.store.finished.clear()
    fail_over(worker)
    end(worker, running.run_id)
    worker.tick()
    assert worker.store.finished == []
    worker.tick()
    assert [result.run_id for result in worker.store.finished] == [done.run_id, running.run_id]
    assert len(worker.store.replayed) == 2


def test_what_is_older_than_the_journal_s_ten_minutes_is_not_replayed(worker):
    worker.offer(order())
    worker.tick()
    for _ in range(61):
        worker.clock.at += 10.0
        worker.lease.tick(worker.clock.at)
    fail_over(worker)
    worker.lease.tick(worker.clock.at)
    worker.tick()
    assert worker.store.replayed == []
    assert worker.store.told == [("w-1", 2)]


def test_an_ordinary_restart_replays_nothing(worker):
    worker.offer(order())
    worker.store.away = worker.leases.away = True
    worker.tick(1.0)
    worker.store.away = worker.leases.away = False
    worker.lease.tick(worker.clock.at)
    worker.tick(1.0)
    assert worker.store.replayed == []
    assert worker.store.told == []
    assert len(worker.host.launched) == 1


def test_a_replay_that_the_database_cut_short_is_done_again_whole(worker):
    worker.offer(order())
    worker.tick()
    fail_over(worker)
    worker.lease.tick(worker.clock.at)
    worker.store.away = True
    worker.tick()
    assert worker.store.told == []
    worker.store.away = False
    worker.tick(1.0)
    assert len(worker.store.replayed) == 1
    assert worker.store.told == [("w-1", 2)]


def test_a_second_fail_over_is_replayed_too(worker):
    worker.offer(order())
    worker.tick()
    for timeline in (2, 3):
        fail_over(worker, timeline)
        worker.lease.tick(worker.clock.at)
        worker.tick()
    assert worker.store.told == [("w-1", 2), ("w-1", 3)]
    assert len(worker.store.replayed) == 2


def test_no_order_is_claimed_before_all_workers_have_replayed(worker):
    worker.store.others_replaying = ["w-9"]
    fail_over(worker)
    worker.lease.tick(worker.clock.at)
    worker.offer(order())
    for _ in range(20):
        worker.tick(0.5)
    assert worker.host.launched == []
    worker.store.others_replaying = []
    worker.tick(0.5)
    assert len(worker.host.launched) == 1


def test_no_order_is_claimed_before_the_fail_over_has_settled(worker):
    fail_over(worker)
    worker.lease.tick(worker.clock.at)
    worker.offer(order())
    worker.tick(2.9)
    assert worker.host.launched == []
    worker.tick(0.6)
    assert len(worker.host.launched) == 1


def test_a_run_that_another_worker_runs_now_is_killed(worker):
    worker.offer(run := order())
    worker.tick()
    worker.store.rows = [MyRow(uuid4(), RunState.ASSIGNED, 1, None, cancel_requested=False)]
    fail_over(worker)
    worker.lease.tick(worker.clock.at)
    worker.tick()
    assert worker.host.canceled == [run.run_id]


def test_a_worker_whose_row_was_lost_rejoins_with_its_old_journal_to_replay(worker):
    worker.offer(order())
    worker.tick()
    fail_over(worker)
    worker.leases.live = False
    worker.lease.tick(worker.clock.at)
    worker.host.alive.clear()
    worker.lease.tick(worker.clock.at)
    worker.leases.live = True
    worker.lease.tick(worker.clock.at)
    assert worker.leases.replayed_at_registration == [0, 1]
    worker.tick()
    assert len(worker.store.replayed) == 1
    assert worker.store.told == [("w-2", 2)]
