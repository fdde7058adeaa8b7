"""The leader's voice: only while trusted, and nothing said is the only copy."""

from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from scheduler.domain.errors import PeerUnreachable, StaleEpoch
from scheduler.domain.values import StartOrder
from scheduler.ports import Command, PingReply, StartReply
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.member import Term
from scheduler.runtime.pinger import Pinger
from tests.unit.runtime.worlds import FakeClock, Inline, SilentBell, order


class Line:
    """A worker's end: records, and raises what it is told to."""

    def __init__(self) -> None:
        self.pings: list[int] = []
        self.started: list[list[StartOrder]] = []
        self.canceled: list[UUID] = []
        self.refuse: dict[UUID, str] = {}
        self.error: Exception | None = None
        self.nonce = 100
        self.worker_id = "w-2"
        self.forgotten: list[str] = []
        self.accepting = True

    def ping(self, address: str, command: Command, echo_nonce: int) -> PingReply:
        self._check()
        self.pings.append(echo_nonce)
        self.nonce += 1
        return PingReply(self.worker_id, self.nonce, 1, 0, 8, self.accepting)

    def start_runs(self, address, command, orders):
        self._check()
        self.started.append(list(orders))
        return StartReply((), tuple(self.refuse.items()))

    def cancel_runs(self, address, command, runs):
        self._check()
        self.canceled.extend(runs)
        return tuple(runs)

    def forget(self, address: str) -> None:
        self.forgotten.append(address)

    def _check(self) -> None:
        if self.error:
            raise self.error


class Leader:
    def __init__(self) -> None:
        self.clock, self.line, self.fanout = FakeClock(), Line(), Inline()
        self.bell = SilentBell()
        self.stale: list[StaleEpoch] = []
        link, bell = cast("Any", self.line), cast("Any", self.bell)
        self.term = Term(1, uuid4(), "w-1", self.clock.at, 10.0)
        self.term.renewed(self.clock.at, 10.0, 1.0)
        self.pinger = Pinger(link, self.clock, self.fanout, RuntimeConfig, self.stale.append)
        self.dispatcher = Dispatcher(
            link, self.clock, self.fanout, bell, self.stale.append, self.pinger.refused_runs
        )
        self.pinger.establish(self.term, None)
        self.dispatcher.establish(self.term)
        self.pinger.watch({"w-2": "w-2:1"})

    def ping(self) -> None:
        self.pinger.tick(self.clock.at)


@pytest.fixture
def leader() -> Leader:
    return Leader()


def test_each_ping_echoes_the_nonce_of_the_reply_before_it(leader):
    leader.ping()
    leader.ping()
    leader.ping()
    assert leader.line.pings == [0, 101, 102]


def test_a_leader_that_no_longer_trusts_itself_pings_and_dispatches_nothing(leader):
    leader.clock.at += 9.5
    leader.ping()
    leader.dispatcher.start("w-2", "w-2:1", [order()])
    assert leader.line.pings == []
    assert leader.line.started == []


def test_trust_that_ends_between_nonce_and_call_holds_the_ping_back(leader):
    sent_at = []
    original = leader.line.ping

    def slow(address, command, echo_nonce):
        sent_at.append(leader.clock.at)
        leader.clock.at += 9.5
        return original(address, command, echo_nonce)

    leader.line.ping = slow
    leader.pinger.watch({"w-2": "w-2:1", "w-3": "w-3:1"})
    leader.ping()
    assert len(sent_at) == 1


def test_a_nonce_of_an_earlier_term_is_not_echoed(leader):
    leader.ping()
    leader.pinger.establish(leader.term, None)
    leader.ping()
    assert leader.line.pings == [0, 0]


def test_a_reply_of_another_worker_at_the_same_address_counts_for_nobody(leader):
    leader.line.worker_id = "w-9"
    leader.ping()
    assert leader.pinger.replied_at("w-2") is None


def test_a_worker_that_refuses_is_known_until_it_answers_again(leader):
    leader.line.error = PeerUnreachable("w-2:1", refused=True)
    leader.ping()
    assert leader.pinger.refused("w-2")
    leader.line.error = None
    leader.ping()
    assert not leader.pinger.refused("w-2")
    assert leader.pinger.replied_at("w-2") == leader.clock.at


def test_a_worker_that_has_seen_a_newer_epoch_deposes_the_leader(leader):
    leader.line.error = StaleEpoch(1, 2, "w-2")
    leader.ping()
    leader.dispatcher.start("w-2", "w-2:1", [order()])
    assert [error.current for error in leader.stale] == [2, 2]


def test_a_worker_that_left_is_forgotten(leader):
    leader.pinger.watch({})
    assert leader.line.forgotten == ["w-2:1"]


def test_what_queues_during_one_call_is_the_next_call_s_batch(leader):
    leader.fanout.hold = True
    first, second, third = order(1), order(2), order(3)
    leader.dispatcher.start("w-2", "w-2:1", [first])
    leader.dispatcher.start("w-2", "w-2:1", [second, third])
    assert len(leader.fanout.held) == 1
    leader.fanout.held.pop()()
    assert [[o.run_id for o in batch] for batch in leader.line.started] == [
        [first.run_id, second.run_id, third.run_id]
    ]


def test_time_spent_in_the_queue_is_taken_off_the_start(leader):
    leader.fanout.hold = True
    leader.dispatcher.start("w-2", "w-2:1", [order(start_in=2.0)])
    leader.clock.at += 0.5
    leader.fanout.held.pop()()
    assert leader.line.started[0][0].start_in_seconds == pytest.approx(1.5)


def test_a_refused_order_comes_back_with_its_assignment_and_the_leader_is_woken(leader):
    run = order(assign_seq=7)
    leader.line.refuse = {run.run_id: "no_capacity"}
    leader.dispatcher.start("w-2", "w-2:1", [run])
    assert leader.dispatcher.take_refused() == [(run.run_id, 7, "no_capacity")]
    assert leader.dispatcher.take_refused() == []
    assert leader.bell.rung == ["leader"]


def test_orders_for_a_port_nobody_listens_on_come_back_at_once(leader):
    leader.line.error = PeerUnreachable("w-2:1", refused=True)
    run = order(assign_seq=7)
    leader.dispatcher.start("w-2", "w-2:1", [run])
    assert leader.dispatcher.take_refused() == [(run.run_id, 7, "unreachable")]
    assert leader.pinger.refuses("w-2") == "unreachable"


def test_a_worker_that_takes_no_runs_is_known_until_it_takes_some(leader):
    leader.line.accepting = False
    leader.ping()
    assert leader.pinger.refuses("w-2") == "not accepting runs"
    assert not leader.pinger.refused("w-2")
    leader.line.error = PeerUnreachable("w-2:1", refused=False)
    leader.ping()
    assert leader.pinger.refuses("w-2") == "not accepting runs"
    leader.line.error, leader.line.accepting = None, True
    leader.ping()
    assert leader.pinger.refuses("w-2") == ""


def test_a_worker_that_refuses_an_order_since_it_takes_none_is_known_before_its_next_ping(leader):
    run, other = order(1), order(2)
    leader.line.refuse = {run.run_id: "unknown_executor"}
    leader.dispatcher.start("w-2", "w-2:1", [run])
    assert leader.pinger.refuses("w-2") == ""
    leader.line.refuse = {other.run_id: "draining"}
    leader.dispatcher.start("w-2", "w-2:1", [other])
    assert leader.pinger.refuses("w-2") == "not accepting runs"


def test_what_a_worker_refused_is_forgotten_when_it_left(leader):
    leader.pinger.refused_runs("w-2", "not accepting runs")
    leader.pinger.watch({})
    assert leader.pinger.refuses("w-2") == ""


def test_orders_that_met_silence_may_have_arrived_and_are_left_to_the_worker(leader):
    leader.line.error = PeerUnreachable("w-2:1", refused=False)
    leader.dispatcher.start("w-2", "w-2:1", [order()])
    assert leader.dispatcher.take_refused() == []
    assert leader.bell.rung == ["worker:w-2:1"]


def test_after_the_term_nothing_that_was_queued_is_said(leader):
    leader.fanout.hold = True
    leader.dispatcher.start("w-2", "w-2:1", [order()])
    leader.dispatcher.revoke()
    leader.fanout.held.pop()()
    assert leader.line.started == []


def test_cancels_go_out_once_each(leader):
    leader.fanout.hold = True
    run = uuid4()
    leader.dispatcher.cancel("w-2", "w-2:1", [run])
    leader.dispatcher.cancel("w-2", "w-2:1", [run])
    leader.fanout.held.pop()()
    assert leader.line.canceled == [run]
