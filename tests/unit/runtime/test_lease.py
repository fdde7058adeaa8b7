"""Who gives up first: the worker, by its own clock, whatever anybody answers later."""

from uuid import uuid4

import pytest

from scheduler.domain.errors import StaleEpoch
from scheduler.ports import Command
from tests.unit.runtime.worlds import OneWorker, order


@pytest.fixture
def worker() -> OneWorker:
    return OneWorker()


def test_the_lease_counts_from_the_question_not_from_the_answer(worker):
    asked_at = worker.clock.at
    original = worker.leases.renew

    def slow(worker_id, *, open_runs):
        worker.clock.at += 7.0
        return original(worker_id, open_runs=open_runs)

    worker.leases.renew = slow
    worker.lease.tick(asked_at)
    assert worker.member.deadline.at == asked_at + 30.0


def test_an_echoed_nonce_counts_from_when_it_was_made(worker):
    nonce = worker.member.new_nonce(worker.clock.at)
    worker.clock.at += 20.0
    worker.member.echoed(nonce, worker.clock.at)
    assert worker.member.deadline.at == worker.clock.at - 20.0 + 30.0


def test_a_nonce_of_an_earlier_life_extends_nothing(worker):
    nonce = worker.member.new_nonce(worker.clock.at)
    worker.leases.live = False
    worker.lease.tick(worker.clock.at)
    worker.lease.tick(worker.clock.at)
    worker.leases.live = True
    worker.lease.tick(worker.clock.at)
    before = worker.member.deadline.at
    worker.clock.at += 10.0
    worker.member.echoed(nonce, worker.clock.at)
    assert worker.member.deadline.at == before


def test_an_echo_revives_no_lease_that_is_over(worker):
    nonce = worker.member.new_nonce(worker.clock.at)
    over = worker.member.deadline.at
    worker.member.echoed(nonce, over)
    assert worker.member.deadline.at == over
    worker.clock.at += 1.0
    later = worker.member.new_nonce(worker.clock.at)
    worker.member.echoed(later, over)
    assert worker.member.deadline.at == over


def test_a_nonce_nobody_made_extends_nothing(worker):
    before = worker.member.deadline.at
    worker.clock.at += 10.0
    worker.member.echoed(12345, worker.clock.at)
    assert worker.member.deadline.at == before


def test_the_process_host_learns_each_new_deadline_once(worker):
    worker.lease.push_deadline()
    worker.lease.push_deadline()
    assert worker.host.deadlines == [1030.0]


def test_a_worker_past_its_deadline_ends_its_runs_and_rejoins_under_a_new_id(worker):
    worker.offer(run := order())
    worker.tick()
    worker.leases.away = True
    worker.clock.at += 30.0
    worker.lease.tick(worker.clock.at)
    assert not worker.member.joined
    assert worker.host.deadlines[-1] == worker.clock.at
    worker.leases.away = False
    worker.lease.tick(worker.clock.at)
    assert worker.leases.registered == ["w-1"], "not while a process is left"
    worker.host.alive.discard(run.run_id)
    worker.lease.tick(worker.clock.at)
    worker.lease.tick(worker.clock.at)
    assert worker.leases.registered == ["w-1", "w-2"]


def test_a_worker_counted_as_lost_gives_up_at_once(worker):
    worker.leases.live = False
    worker.lease.tick(worker.clock.at)
    assert not worker.member.joined
    assert worker.host.deadlines[-1] == worker.clock.at


def test_a_late_renewal_of_an_outage_keeps_the_lease_that_was_left(worker):
    worker.leases.away = True
    worker.clock.at += 29.0
    worker.lease.tick(worker.clock.at)
    worker.leases.away = False
    worker.lease.tick(worker.clock.at)
    assert worker.member.deadline.at == worker.clock.at + 30.0
    assert worker.leases.registered == ["w-1"]


def test_a_command_of_an_older_leader_is_refused(worker):
    term_id = uuid4()
    worker.member.accept(Command(42, term_id, "w-7"))
    with pytest.raises(StaleEpoch, match="41 is behind 42"):
        worker.member.accept(Command(41, term_id, "w-3"))


def test_runs_ended_for_good_get_no_more_time_from_a_late_answer(worker):
    worker.lease.end_runs(worker.clock.at)
    worker.clock.at += 5.0
    worker.lease.tick(worker.clock.at)
    assert worker.host.deadlines[-1] == 1000.0


def test_a_worker_told_to_drain_forgets_it_with_its_life(worker):
    worker.member.drain(True, worker.clock.at)
    worker.leases.live = False
    worker.lease.tick(worker.clock.at)
    worker.leases.live = True
    worker.lease.tick(worker.clock.at)
    worker.lease.tick(worker.clock.at)
    assert worker.member.accepting


def test_a_word_to_drain_counts_until_the_lease_row_says_otherwise(worker):
    """The word that takes it back may be lost, with the leader that had said it."""
    asked_before = worker.clock.at
    worker.clock.at += 1.0
    worker.member.drain(True, worker.clock.at)
    worker.member.learn(worker.leases.renew("w-1", open_runs=0), asked_before)
    assert not worker.member.accepting
    worker.clock.at += 3.0
    worker.lease.tick(worker.clock.at)
    assert worker.member.accepting
