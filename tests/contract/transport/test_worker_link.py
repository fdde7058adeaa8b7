"""What every WorkerLink promises."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from scheduler.domain.errors import PeerUnreachable, RunNotFound, StaleEpoch
from scheduler.domain.values import RetryPolicy, StartOrder
from scheduler.ports import Command, PingReply, WorkerStatus

TERM = UUID(int=7)
COMMAND = Command(42, TERM, "w-leader")
OLD_COMMAND = Command(41, UUID(int=6), "w-old")


def an_order(**changes: object) -> StartOrder:
    facts = {
        "run_id": uuid4(),
        "assign_seq": 42 << 32 | 5,
        "start_in_seconds": 1.25,
        "definition_id": 9,
        "job_name": "報告書",
        "attempt": 2,
        "orphan_count": 1,
        "slot_key": "t:2026-11-23T06:00:00Z",
        "scheduled_for": datetime(2026, 11, 23, 6, 0, 0, 123456, tzinfo=UTC),
        "executor": "management_command",
        "command": "make_report",
        "args": {"month": "十一月", "pages": [1, 2.5, None], "draft": True},
        "isolation": "exec",
        "timeout_seconds": 90.0,
        "kill_grace_seconds": 3.0,
        "retry": RetryPolicy(5, 1.0, 3.0, 60.0, 0.2, False, 4),
    }
    return StartOrder(**{**facts, **changes})  # type: ignore[arg-type]


def test_a_ping_carries_the_nonce_there_and_a_fresh_one_back(wire):
    reply = wire.link.ping(wire.address, COMMAND, 17)
    assert reply == PingReply("w-1", 1, 42, 0, 1_000_000, True)
    assert wire.service.echoes == [17]


def test_an_order_arrives_as_it_was_given(wire):
    orders = [an_order(), an_order(timeout_seconds=None, args=None, retry=RetryPolicy())]
    reply = wire.link.start_runs(wire.address, COMMAND, orders)
    assert reply.accepted == tuple(order.run_id for order in orders)
    assert reply.refused == ()
    assert wire.service.orders == orders


@pytest.mark.parametrize("args", [None, [], {}, "text", 0, ["a", {"b": None}], "\x00\ud800"])
def test_arguments_of_every_json_form_arrive_unchanged(wire, args):
    wire.link.start_runs(wire.address, COMMAND, [an_order(args=args)])
    assert wire.service.orders[0].args == args


def test_a_timeout_of_zero_is_not_no_timeout(wire):
    wire.link.start_runs(wire.address, COMMAND, [an_order(timeout_seconds=0.0)])
    assert wire.service.orders[0].timeout_seconds == 0.0


def test_refused_orders_come_back_with_their_codes(wire):
    wire.service.capacity = 1
    first, second = an_order(), an_order()
    reply = wire.link.start_runs(wire.address, COMMAND, [first, second])
    assert reply.accepted == (first.run_id,)
    assert reply.refused == ((second.run_id, "no_capacity"),)


def test_ten_thousand_orders_arrive_once_each_and_in_order(wire):
    orders = [an_order() for _ in range(10_000)]
    reply = wire.link.start_runs(wire.address, COMMAND, orders)
    assert reply.accepted == tuple(order.run_id for order in orders)
    assert [order.run_id for order in wire.service.orders] == list(reply.accepted)


def test_no_orders_are_no_error(wire):
    assert wire.link.start_runs(wire.address, COMMAND, []).accepted == ()


def test_cancel_names_the_runs_that_the_worker_knew(wire):
    known, unknown = an_order(), uuid4()
    wire.link.start_runs(wire.address, COMMAND, [known])
    asked = [unknown, known.run_id]
    assert wire.link.cancel_runs(wire.address, COMMAND, asked) == (known.run_id,)
    assert wire.service.canceled == [known.run_id]


def test_a_drain_can_be_taken_back(wire):
    wire.link.drain(wire.address, COMMAND, drain=True)
    assert not wire.link.ping(wire.address, COMMAND, 0).accepting
    wire.link.drain(wire.address, COMMAND, drain=False)
    assert wire.link.ping(wire.address, COMMAND, 0).accepting


def test_reload_answers_with_the_revision_now_applied(wire):
    assert wire.link.reload_config(wire.address, COMMAND, 8) == 8
    assert wire.link.reload_config(wire.address, COMMAND, 7) == 8


def test_confirm_names_the_runs_that_go_on(wire):
    order = an_order()
    wire.link.start_runs(wire.address, COMMAND, [order])
    asked = [order.run_id, uuid4()]
    assert wire.link.confirm_continuation(wire.address, COMMAND, asked) == (order.run_id,)


def test_status_needs_no_leadership(wire):
    order = an_order()
    wire.link.start_runs(wire.address, COMMAND, [order])
    expected = WorkerStatus("w-1", "worker", 42, 1, 1_000_000, (order.run_id,), 12.5, 0)
    assert wire.link.status(wire.address) == expected


def test_a_log_is_read_piece_by_piece_to_its_end(wire):
    run = uuid4()
    wire.service.logs[run] = "進捗 100 %\n".encode()
    text, offset, finished = b"", 0, False
    while not finished:
        chunk = wire.link.read_log(wire.address, run, offset, 5)
        text, offset, finished = text + chunk.data, chunk.next_offset, chunk.finished
    assert text.decode() == "進捗 100 %\n"


def test_the_log_of_an_unknown_run_is_said_to_be_unknown(wire):
    run = uuid4()
    with pytest.raises(RunNotFound) as caught:
        wire.link.read_log(wire.address, run, 0, 100)
    assert caught.value.run_id == run


@pytest.mark.parametrize(
    "call",
    [
        lambda link, address: link.ping(address, OLD_COMMAND, 0),
        lambda link, address: link.start_runs(address, OLD_COMMAND, [an_order()]),
        lambda link, address: link.cancel_runs(address, OLD_COMMAND, [uuid4()]),
        lambda link, address: link.drain(address, OLD_COMMAND, drain=True),
        lambda link, address: link.reload_config(address, OLD_COMMAND, 1),
        lambda link, address: link.confirm_continuation(address, OLD_COMMAND, [uuid4()]),
    ],
    ids=["ping", "start", "cancel", "drain", "reload", "confirm"],
)
def test_a_deposed_leader_learns_who_deposed_it(wire, call):
    wire.link.ping(wire.address, COMMAND, 0)
    with pytest.raises(StaleEpoch) as caught:
        call(wire.link, wire.address)
    stale = caught.value
    assert (stale.mine, stale.current, stale.leader_worker_id) == (41, 42, "w-leader")
    assert wire.service.orders == [] and not wire.service.draining


def test_a_dead_worker_refuses_the_connection(wire):
    with pytest.raises(PeerUnreachable) as caught:
        wire.link.ping(wire.dead_address, COMMAND, 0)
    assert caught.value.refused
    assert caught.value.address == wire.dead_address


def test_refusing_is_told_from_serving(wire):
    assert wire.link.is_refusing(wire.dead_address)
    assert not wire.link.is_refusing(wire.address)


def test_a_forgotten_address_is_reached_again_when_asked(wire):
    wire.link.ping(wire.address, COMMAND, 0)
    wire.link.forget(wire.address)
    wire.link.forget(wire.address)
    assert wire.link.ping(wire.address, COMMAND, 0).worker_id == "w-1"
