"""Messages between the processes of a host."""

import os
import socket
from uuid import uuid4

import pytest

from scheduler.domain.values import (
    ForkServerLost,
    LaunchSpec,
    ProcessEvent,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    ResourceUse,
)
from scheduler.execution import wire
from scheduler.execution.wire import Line


@pytest.fixture
def lines():
    pair = [Line(sock) for sock in socket.socketpair()]
    yield pair
    for line in pair:
        line.close()


def test_messages_arrive_whole_and_in_order(lines):
    near, far = lines
    near.send(["a", 1])
    near.send(["b", {"語": "値"}])
    assert far.receive() == [["a", 1], ["b", {"語": "値"}]]
    assert far.receive() == []


def test_message_in_pieces_waits_for_its_rest(lines):
    near, far = lines
    data = wire.pack(["long", "x" * 1000])
    near.sock.sendall(data[:500])
    assert far.receive() == []
    near.sock.sendall(data[500:])
    assert far.receive() == [["long", "x" * 1000]]


def test_last_words_are_heard_before_the_end(lines):
    near, far = lines
    near.send(["bye"])
    near.close()
    assert far.receive() == [["bye"]]
    assert far.closed


def test_posting_to_one_who_does_not_read_never_blocks_and_loses_nothing(lines):
    near, far = lines
    for number in range(50):
        near.post(["n", number, "x" * 20_000])
    assert not near.flush()
    heard = []
    while not near.flush() or len(heard) < 50:
        heard += far.receive()
    assert [message[1] for message in heard] == list(range(50))


def test_posting_to_one_who_is_gone_is_no_error(lines):
    near, far = lines
    far.close()
    near.post(["anyone"])
    assert near.flush()


def test_descriptor_travels_with_its_message():
    near_end, far_end = socket.socketpair()
    near, far = Line(near_end), Line(far_end, takes_fds=True)
    reader, writer = os.pipe()
    near.send_with_fd(["take"], writer)
    assert far.receive() == [["take"]]
    os.write(far.fds.popleft(), b"hello")
    assert os.read(reader, 5) == b"hello"
    for fd in (reader, writer):
        os.close(fd)
    for line in (near, far):
        line.close()


def test_spec_comes_back_as_it_went():
    spec = LaunchSpec(
        uuid4(), ("say", "語", "\udcff"), {"A": "b"}, "/x/y.log", "exec", 1.5, 2.5, "shell"
    )
    (message,) = _there_and_back(["launch", [wire.encode_spec(spec)]])
    assert wire.decode_spec(message[1][0]) == spec


def test_events_come_back_as_they_went():
    use = ResourceUse(1.0, 2.0, 3, None, 5)
    events: list[ProcessEvent] = [
        ProcessStarted(uuid4(), 12, 1.5),
        ProcessExited(uuid4(), None, 9, 2.5, True, False, True, use),
        ProcessExited(uuid4(), 0, None, 2.5),
        ProcessNotStarted(uuid4(), "why"),
    ]
    (message,) = _there_and_back(["events", wire.encode_events(events)])
    assert wire.decode_events(message[1]) == events


def test_loss_of_the_fork_server_is_not_its_to_tell():
    with pytest.raises(TypeError, match="ForkServerLost"):
        wire.encode_events([ForkServerLost((uuid4(),))])


def _there_and_back(message):
    near, far = (Line(sock) for sock in socket.socketpair())
    near.send(message)
    heard = far.receive()
    for line in (near, far):
        line.close()
    return heard
