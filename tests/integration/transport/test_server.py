"""Ports, pools and messages of a real server."""

import socket
import threading
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import grpc
import pytest

from scheduler.domain.errors import NoFreePort, PeerUnreachable
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport import codec, methods
from scheduler.transport.client import Deadlines, GrpcWorkerLink
from scheduler.transport.failures import CommandRefused
from scheduler.transport.proto import worker_pb2 as wire
from scheduler.transport.server import CannotListen, WorkerServer
from tests.contract.transport.test_worker_link import an_order
from tests.integration.transport.conftest import COMMAND


@pytest.fixture
def servers():
    started: list[WorkerServer] = []

    def start(ports, host="127.0.0.1") -> int:
        started.append(WorkerServer(RecordingWorkerService(), None))
        return started[-1].start(host, ports)

    yield start
    for server in started:
        server.stop(0)


def a_range(length: int) -> range:
    """Ports in a row that are free now."""
    for first in range(20_000, 30_000, length):
        ports = range(first, first + length)
        with socket.socket() as probe:
            if all(probe.connect_ex(("127.0.0.1", port)) for port in ports):
                return ports
    raise AssertionError("no free range")


def test_workers_of_one_host_take_the_ports_of_the_range_in_turn(servers):
    ports = a_range(3)
    assert [servers(ports) for _ in ports] == list(ports)


def test_an_exhausted_range_is_said_with_its_bounds(servers):
    ports = a_range(2)
    servers(ports), servers(ports)
    with pytest.raises(NoFreePort) as caught:
        servers(ports)
    assert f"in {ports[0]}-{ports[-1]}" in str(caught.value)


def test_two_workers_never_share_a_port(servers):
    taken = servers([0])
    with pytest.raises(NoFreePort):
        servers([taken])


def test_a_port_that_a_stopped_worker_left_is_free_again(servers):
    server = WorkerServer(RecordingWorkerService(), None)
    port = server.start("127.0.0.1", [0])
    server.stop(0)
    assert servers([port]) == port


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_said_to_be_so(servers, host):
    with pytest.raises(CannotListen) as caught:
        servers([50051], host)
    assert host in str(caught.value) and "SCHEDULER_GRPC_HOST" in str(caught.value)


def test_all_addresses_can_be_listened_on(servers):
    port = servers([0], "0.0.0.0")
    link = GrpcWorkerLink(None)
    assert link.ping(f"127.0.0.1:{port}", COMMAND, 0).worker_id == "w-1"
    link.close()


def test_a_ping_does_not_wait_behind_starts_and_logs(serve, lead, service):
    leave = threading.Event()
    blocked = threading.Semaphore(0)

    def block(method):
        if method in ("start_runs", "read_log"):
            blocked.release()
            assert leave.wait(10)

    service.before = block
    address, link = serve(None), lead(None)
    callers = [
        threading.Thread(target=_ignoring_failure, args=(call,))
        for _ in range(12)
        for call in (
            lambda: link.start_runs(address, COMMAND, [an_order()]),
            lambda: link.read_log(address, uuid4(), 0, 1),
        )
    ]
    for caller in callers:
        caller.start()
    for _ in range(8):
        assert blocked.acquire(timeout=5), "the pools of commands and logs did not fill up"
    began = time.monotonic()
    assert link.ping(address, COMMAND, 0).worker_id == "w-1"
    assert link.status(address).worker_id == "w-1"
    assert time.monotonic() - began < 1
    leave.set()
    for caller in callers:
        caller.join()


def _ignoring_failure(call) -> None:
    try:
        call()
    except Exception:
        return


def test_a_worker_that_does_not_answer_costs_no_more_than_the_deadline(serve, lead, service):
    leave = threading.Event()
    service.before = lambda method: leave.wait(10) and None
    link = lead(None, Deadlines(ping_seconds=0.2))
    began = time.monotonic()
    with pytest.raises(PeerUnreachable) as caught:
        link.ping(serve(None), COMMAND, 0)
    assert time.monotonic() - began < 2
    assert not caught.value.refused and "no answer in time" in str(caught.value)
    leave.set()


def test_a_crash_of_the_worker_code_tells_no_details(serve, lead, service):
    def crash(method):
        raise RuntimeError("password=hunter2")

    service.before = crash
    with pytest.raises(CommandRefused) as caught:
        lead(None).ping(serve(None), COMMAND, 0)
    assert caught.value.refusal_code == "internal"
    assert "hunter2" not in str(caught.value)


def test_an_order_too_large_for_a_message_is_refused_and_the_others_go(serve, lead, service):
    huge, small = an_order(args="x" * 2_000_000), an_order()
    reply = lead(None).start_runs(serve(None), COMMAND, [huge, small])
    assert reply.refused == ((huge.run_id, "too_large"),)
    assert reply.accepted == (small.run_id,)


def test_many_large_orders_are_cut_into_messages(serve, lead, service):
    orders = [an_order(args="x" * 400_000) for _ in range(60)]
    reply = lead(None).start_runs(serve(None), COMMAND, orders)
    assert len(reply.accepted) == 60


def test_a_restarted_worker_is_found_again_at_its_address(servers):
    server = WorkerServer(RecordingWorkerService("w-1"), None)
    port = server.start("127.0.0.1", [0])
    link = GrpcWorkerLink(None)
    address = f"127.0.0.1:{port}"
    link.ping(address, COMMAND, 0)
    server.stop(0)
    with pytest.raises(PeerUnreachable):
        link.ping(address, COMMAND, 0)
    servers([port])
    deadline = time.monotonic() + 5
    while True:
        try:
            link.ping(address, COMMAND, 0)
            break
        except PeerUnreachable:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    link.close()


def test_a_closed_link_can_be_used_again(serve, lead):
    link, address = lead(None), serve(None)
    link.ping(address, COMMAND, 0)
    link.close()
    assert link.ping(address, COMMAND, 0).worker_id == "w-1"


class TestOtherVersions:
    """What a newer or broken leader sends is refused, never half done."""

    @pytest.fixture
    def send(self, serve):
        channel = grpc.insecure_channel(serve(None))

        def send(method, request: bytes):
            """The answer, or (status, code of the detail)."""
            invoke: Any = channel.unary_unary(method.path)
            try:
                return method.reply.FromString(invoke(request, timeout=5))
            except grpc.RpcError as error:
                call: Any = error
                trailers = dict(call.trailing_metadata())
                detail = wire.ErrorDetail.FromString(trailers[methods.ERROR_DETAIL_KEY])
                return call.code(), detail.code

        yield send
        channel.close()

    def command(self, **changes) -> wire.Command:
        command = codec.command_to(COMMAND)
        for name, value in changes.items():
            setattr(command, name, value)
        return command

    @pytest.mark.parametrize("version", [0, 2, 99])
    def test_another_protocol_version_is_refused(self, send, service, version):
        request = wire.PingRequest(command=self.command(protocol_version=version))
        answer = send(methods.PING, request.SerializeToString())
        assert answer == (grpc.StatusCode.FAILED_PRECONDITION, "unsupported_version")
        assert service.echoes == []

    @pytest.mark.parametrize(
        "method", [methods.GET_STATUS, methods.READ_LOG], ids=["status", "log"]
    )
    def test_reading_too_needs_a_version_that_is_spoken(self, send, method):
        assert send(method, b"") == (grpc.StatusCode.FAILED_PRECONDITION, "unsupported_version")

    def test_an_unknown_field_of_a_request_is_refused(self, send, service):
        request = wire.DrainRequest(command=self.command(), drain=True).SerializeToString()
        answer = send(methods.DRAIN, request + field_99())
        assert answer == (grpc.StatusCode.FAILED_PRECONDITION, "unsupported_field")
        assert not service.draining

    def test_an_unknown_field_of_the_command_is_refused(self, send, service):
        command = self.command().SerializeToString() + field_99()
        request = wire.DrainRequest(command=wire.Command.FromString(command), drain=True)
        answer = send(methods.DRAIN, request.SerializeToString())
        assert answer == (grpc.StatusCode.FAILED_PRECONDITION, "unsupported_field")
        assert not service.draining

    @pytest.mark.parametrize("nested", [False, True], ids=["order", "retry policy"])
    def test_only_the_order_with_the_unknown_field_is_refused(self, send, service, nested):
        old, new = codec.order_to(an_order()), codec.order_to(an_order())
        (new.retry if nested else new).MergeFromString(field_99())
        request = wire.StartRunsRequest(command=self.command(), orders=[new, old])
        reply = send(methods.START_RUNS, request.SerializeToString())
        assert list(reply.accepted) == [old.run_id]
        assert [(item.run_id, item.code) for item in reply.refused] == [(new.run_id, "unsupported")]
        assert [order.run_id.bytes for order in service.orders] == [old.run_id]

    def test_a_short_id_is_malformed(self, send):
        request = wire.CancelRunsRequest(command=self.command(), run_ids=[b"short"])
        answer = send(methods.CANCEL_RUNS, request.SerializeToString())
        assert answer == (grpc.StatusCode.INVALID_ARGUMENT, "malformed")

    def test_arguments_that_are_no_json_are_malformed(self, send, service):
        order = codec.order_to(an_order())
        order.args_json = "{"
        request = wire.StartRunsRequest(command=self.command(), orders=[order])
        answer = send(methods.START_RUNS, request.SerializeToString())
        assert answer == (grpc.StatusCode.INVALID_ARGUMENT, "malformed")
        assert service.orders == []


def field_99() -> bytes:
    """A varint field with the number 99, as a later version may add."""
    return bytes([99 << 3 & 0x7F | 0x80, 99 >> 4, 1])


def test_an_order_names_the_event_that_started_its_run():
    of_event = replace(an_order(), event_id=uuid4())
    assert codec.order_from(codec.order_to(of_event)) == of_event
    assert codec.order_from(codec.order_to(an_order())).event_id is None
