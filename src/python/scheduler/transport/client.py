"""The leader's side of the line: one channel per worker, a deadline on every call."""

import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import grpc
import structlog
from google.protobuf.message import Message

from scheduler.domain.errors import PeerUnreachable, RunNotFound
from scheduler.domain.values import StartOrder
from scheduler.ports import Command, LogChunk, PingReply, StartReply, WorkerStatus
from scheduler.transport import codec, methods
from scheduler.transport.failures import CommandRefused, failure_of
from scheduler.transport.methods import MAX_MESSAGE_BYTES, Method
from scheduler.transport.proto import worker_pb2 as wire
from scheduler.transport.tls import SERVER_NAME, CertificateWatch

_log = structlog.get_logger(__name__)

_BATCH_ORDERS = 1000
_BATCH_BYTES = 1024 * 1024

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # The line stays inside the cluster, whatever http_proxy says.
    ("grpc.enable_http_proxy", 0),
    # A worker that comes back is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Despite its name, how long one connecting may take at least: a starved machine needs more than
    # a moment for the handshake of TLS.
    ("grpc.min_reconnect_backoff_ms", 2000),
    # A line that the network swallowed is replaced within five seconds, not when TCP gives up.
    # The ping's own limit decides (it is a minute, if not set); keepalive's alone does nothing.
    ("grpc.keepalive_time_ms", 2000),
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.http2.ping_timeout_ms", 3000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Each address has its own connection: closing one worker's line touches no other.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that each kind of call may take, connecting included."""

    ping_seconds: float = 2.0
    command_seconds: float = 5.0
    read_seconds: float = 5.0
    probe_seconds: float = 0.3


class GrpcWorkerLink:
    """The WorkerLink over gRPC; safe for threads. See the port for what each method promises.

    Raises PeerUnreachable (CommandRefused, a kind of it, when the worker answered but would not),
    StaleEpoch, and RunNotFound from ``read_log``. ``tls`` None means plaintext, said in the log.
    """

    def __init__(self, tls: CertificateWatch | None, deadlines: Deadlines | None = None) -> None:
        self._tls = tls
        self._deadlines = deadlines or Deadlines()
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        if tls is None:
            _log.warning(
                "grpc_insecure",
                warning="SCHEDULER_GRPC_INSECURE=1: commands are sent in plaintext to whoever "
                "answers. Never do this outside one's own machine.",
            )

    def ping(self, address: str, command: Command, echo_nonce: int) -> PingReply:
        request = wire.PingRequest(command=codec.command_to(command), echo_nonce=echo_nonce)
        reply = self._call(address, methods.PING, request, self._deadlines.ping_seconds)
        return codec.ping_reply_from(reply)

    def start_runs(
        self, address: str, command: Command, orders: Sequence[StartOrder]
    ) -> StartReply:
        """Sends large lists in several messages. When one of them fails its error is raised, and
        what the earlier ones started stays started: the outcome of a failed call is unknown."""
        accepted: list[UUID] = []
        refused: list[tuple[UUID, str]] = []
        messages = [codec.order_to(order) for order in orders]
        for batch in _batches(messages, refused):
            request = wire.StartRunsRequest(command=codec.command_to(command), orders=batch)
            reply = codec.start_reply_from(self._command(address, methods.START_RUNS, request))
            accepted.extend(reply.accepted)
            refused.extend(reply.refused)
        return StartReply(tuple(accepted), tuple(refused))

    def cancel_runs(self, address: str, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        request = wire.CancelRunsRequest(
            command=codec.command_to(command), run_ids=codec.uuids_to(runs)
        )
        return codec.uuids_from(self._command(address, methods.CANCEL_RUNS, request).run_ids)

    def drain(self, address: str, command: Command, *, drain: bool) -> None:
        request = wire.DrainRequest(command=codec.command_to(command), drain=drain)
        self._command(address, methods.DRAIN, request)

    def reload_config(self, address: str, command: Command, revision: int) -> int:
        request = wire.ReloadConfigRequest(command=codec.command_to(command), revision=revision)
        return self._command(address, methods.RELOAD_CONFIG, request).revision

    def confirm_continuation(
        self, address: str, command: Command, runs: Sequence[UUID]
    ) -> tuple[UUID, ...]:
        request = wire.ConfirmContinuationRequest(
            command=codec.command_to(command), run_ids=codec.uuids_to(runs)
        )
        reply = self._command(address, methods.CONFIRM_CONTINUATION, request)
        return codec.uuids_from(reply.run_ids)

    def status(self, address: str) -> WorkerStatus:
        request = wire.GetStatusRequest(protocol_version=codec.PROTOCOL_VERSION)
        reply = self._call(address, methods.GET_STATUS, request, self._deadlines.read_seconds)
        return codec.status_from(reply)

    def read_log(self, address: str, run_id: UUID, offset: int, limit: int) -> LogChunk:
        request = wire.ReadLogRequest(
            protocol_version=codec.PROTOCOL_VERSION,
            run_id=run_id.bytes,
            offset=offset,
            limit=limit,
        )
        try:
            reply = self._call(address, methods.READ_LOG, request, self._deadlines.read_seconds)
        except CommandRefused as refusal:
            if refusal.refusal_code == RunNotFound.code:
                raise RunNotFound(run_id) from None
            raise
        return codec.log_chunk_from(reply)

    def is_refusing(self, address: str) -> bool:
        """A plain TCP connect with a short limit: True only for a refusal, not for silence."""
        host, _, port = address.rpartition(":")
        target = (host.strip("[]"), int(port))
        try:
            with socket.create_connection(target, timeout=self._deadlines.probe_seconds):
                return False
        except ConnectionRefusedError:
            return True
        except OSError:
            return False

    def forget(self, address: str) -> None:
        with self._lock:
            line = self._lines.pop(address, None)
        if line is not None:
            line.retire()

    def close(self) -> None:
        with self._lock:
            lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            line.close()

    def _command[Reply: Message](
        self, address: str, method: Method[Any, Reply], request: Message
    ) -> Reply:
        return self._call(address, method, request, self._deadlines.command_seconds)

    def _call[Reply: Message](
        self, address: str, method: Method[Any, Reply], request: Message, seconds: float
    ) -> Reply:
        line = self._line(address)
        try:
            return line.call(method, request, seconds)
        except grpc.RpcError as error:
            raise failure_of(error, address, tls=self._tls is not None) from None
        except ValueError:
            # gRPC's word for a channel that another thread closed.
            raise PeerUnreachable(address, refused=False, why="the line was closed") from None

    def _line(self, address: str) -> "_Line":
        generation, certificates = (0, None) if self._tls is None else self._tls.current()
        with self._lock:
            line = self._lines.get(address)
            if line is not None and line.generation == generation:
                return line
            credentials = None
            if certificates is not None:
                credentials = grpc.ssl_channel_credentials(
                    certificates.ca_pem, certificates.key_pem, certificates.cert_pem
                )
            fresh = self._lines[address] = _Line(address, credentials, generation)
        if line is not None:
            line.retire()
        return fresh


class _Invocation(Protocol):
    def __call__(self, request: Any, timeout: float) -> Any: ...


class _Line:
    """A channel that closes after its last call once it is retired."""

    def __init__(
        self, address: str, credentials: grpc.ChannelCredentials | None, generation: int
    ) -> None:
        self.generation = generation
        self._channel = _channel(address, credentials)
        self._invocations: dict[str, _Invocation] = {}
        self._lock = threading.Lock()
        self._calls = 0
        self._retired = False

    def call[Reply: Message](
        self, method: Method[Any, Reply], request: Message, seconds: float
    ) -> Reply:
        with self._lock:
            self._calls += 1
            invoke = self._invocation(method)
        try:
            reply: Reply = invoke(request, timeout=seconds)
            return reply
        finally:
            self._leave()

    def retire(self) -> None:
        """Calls under way finish; new ones go to a new line."""
        with self._lock:
            self._retired = True
            idle = self._calls == 0
        if idle:
            self.close()

    def close(self) -> None:
        self._channel.close()

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1
            last = self._retired and self._calls == 0
        if last:
            self.close()

    def _invocation(self, method: Method[Any, Any]) -> _Invocation:
        invoke = self._invocations.get(method.name)
        if invoke is None:
            invoke = self._channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.reply.FromString,
            )
            self._invocations[method.name] = invoke
        return invoke


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    if credentials is None:
        return grpc.insecure_channel(address, options=_OPTIONS)
    # Workers live at addresses, not under names: the certificate has to name the service.
    options = (*_OPTIONS, ("grpc.ssl_target_name_override", SERVER_NAME))
    return grpc.secure_channel(address, credentials, options=options)


def _batches(
    messages: Sequence[wire.StartOrder], refused: list[tuple[UUID, str]]
) -> Iterator[list[wire.StartOrder]]:
    """Orders in lists well below the message limit; one too large for any list is refused."""
    batch: list[wire.StartOrder] = []
    size = 0
    for message in messages:
        weight = message.ByteSize()
        if weight > _BATCH_BYTES:
            refused.append((codec.uuid_from(message.run_id), "too_large"))
            continue
        if batch and (len(batch) >= _BATCH_ORDERS or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += weight
    if batch:
        yield batch
