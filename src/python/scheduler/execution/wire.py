"""The messages between worker, launcher and fork server: length-prefixed JSON on a socketpair.

One message carries a whole batch (many starts, many events). JSON, never pickle: the parts may
be of different builds for a moment, and nothing here may run code. No Django in here.
"""

import json
import socket
import struct
from array import array
from collections import deque
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from scheduler.domain.values import (
    LaunchSpec,
    ProcessEvent,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    ResourceUse,
)

Message = list[Any]
"""``[verb, argument...]``, JSON values only."""

_HEAD = struct.Struct("!I")
_CHUNK = 1 << 18


def pack(message: Message) -> bytes:
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )
    return _HEAD.pack(len(body)) + body


class Line:
    """One end of a message line. Reading never blocks; ``send`` may, ``post`` and ``flush`` never.

    ``closed`` becomes True when the other end is gone; what it had sent before is still read.
    """

    def __init__(self, sock: socket.socket, *, takes_fds: bool = False) -> None:
        self.sock, self.closed = sock, False
        self.fds: deque[int] = deque()
        """File descriptors that came with messages (only where ``takes_fds``)."""
        self._takes_fds = takes_fds
        self._inbox = bytearray()
        self._outbox: deque[bytes] = deque()

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()

    def receive(self) -> list[Message]:
        """All whole messages that have arrived."""
        while not self.closed:
            try:
                part = self._read()
            except BlockingIOError:
                break
            except ConnectionError:
                part = b""
            if not part:
                self.closed = True
            self._inbox += part
        return self._whole_messages()

    def send(self, message: Message) -> None:
        """Write a whole message. Raises OSError when the other end is gone or takes none of it
        within the socket's timeout."""
        self.sock.sendall(pack(message))

    def send_with_fd(self, message: Message, fd: int) -> None:
        """Like ``send``, with a file descriptor for an end that takes them."""
        sent = socket.send_fds(self.sock, [pack(message)], [fd])
        self.sock.sendall(pack(message)[sent:])

    def post(self, message: Message) -> None:
        """Queue a message and write what can be written at once."""
        self._outbox.append(pack(message))
        self.flush()

    @property
    def pending(self) -> bool:
        """True while posted bytes wait for a reader who is still there."""
        return bool(self._outbox) and not self.closed

    def flush(self) -> bool:
        """Write queued bytes without blocking; True when none are left."""
        while self._outbox and not self.closed:
            try:
                sent = self.sock.send(self._outbox[0], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return False
            except OSError:
                self._outbox.clear()
                return True
            head = self._outbox.popleft()
            if sent < len(head):
                self._outbox.appendleft(head[sent:])
        return True

    def _read(self) -> bytes:
        if not self._takes_fds:
            return self.sock.recv(_CHUNK, socket.MSG_DONTWAIT)
        # Not socket.recv_fds: it drops its flags, and so would block.
        room = socket.CMSG_SPACE(4 * array("i").itemsize)
        part, extras, _, _ = self.sock.recvmsg(_CHUNK, room, socket.MSG_DONTWAIT)
        for level, kind, data in extras:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.fds.extend(array("i", data))
        return part

    def _whole_messages(self) -> list[Message]:
        messages, at = [], 0
        while len(self._inbox) - at >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._inbox, at)
            end = at + _HEAD.size + size
            if len(self._inbox) < end:
                break
            body = self._inbox[at + _HEAD.size : end]
            messages.append(json.loads(body.decode("utf-8", "surrogatepass")))
            at = end
        del self._inbox[:at]
        return messages


def encode_spec(spec: LaunchSpec) -> Message:
    return [
        spec.run_id.hex,
        spec.argv,
        dict(spec.env),
        spec.log_path,
        spec.isolation,
        spec.timeout_seconds,
        spec.kill_grace_seconds,
        spec.executor,
    ]


def decode_spec(row: Message) -> LaunchSpec:
    run_id, argv, env, log_path, isolation, timeout, grace, executor = row
    return LaunchSpec(UUID(run_id), tuple(argv), env, log_path, isolation, timeout, grace, executor)


def encode_use(use: ResourceUse) -> Message:
    return [
        use.cpu_user_seconds,
        use.cpu_system_seconds,
        use.max_rss_bytes,
        use.read_bytes,
        use.write_bytes,
    ]


def encode_events(events: Sequence[ProcessEvent]) -> list[Message]:
    """Events of a fork server; ForkServerLost is never among them (its host makes it)."""
    return [_encode_event(event) for event in events]


def decode_events(rows: Sequence[Message]) -> list[ProcessEvent]:
    return [_decode_event(row) for row in rows]


def _encode_event(event: ProcessEvent) -> Message:
    match event:
        case ProcessStarted(run_id, pid, at):
            return ["started", run_id.hex, pid, at]
        case ProcessExited():
            marks = [event.timed_out, event.canceled, event.lease_lost]
            end = [event.exit_code, event.signal, event.at_boottime]
            return ["exited", event.run_id.hex, *end, *marks, encode_use(event.use)]
        case ProcessNotStarted(run_id, error, blameless):
            return ["not_started", run_id.hex, error, blameless]
        case _:
            raise TypeError(f"{type(event).__name__} does not travel on this line")


def _decode_event(row: Message) -> ProcessEvent:
    kind, run_id, rest = row[0], UUID(row[1]), row[2:]
    if kind == "started":
        return ProcessStarted(run_id, *rest)
    if kind == "exited":
        code, number, at, timed_out, canceled, lease_lost, use = rest
        marks = (timed_out, canceled, lease_lost)
        return ProcessExited(run_id, code, number, at, *marks, ResourceUse(*use))
    return ProcessNotStarted(run_id, *rest)
