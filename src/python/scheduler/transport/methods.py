"""The methods of ``scheduler.v1.Worker`` as both sides need them: path, messages, error detail."""

from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import Message

from scheduler.transport.proto import worker_pb2 as wire

SERVICE = "scheduler.v1.Worker"
ERROR_DETAIL_KEY = "scheduler-error-bin"

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message taken by either side; batches are cut far below it."""


class Pool(Enum):
    """Threads of the server that never wait for each other's work."""

    SIGNS_OF_LIFE = "signs-of-life"
    COMMANDS = "commands"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Method[Request: Message, Reply: Message]:
    name: str
    request: type[Request]
    reply: type[Reply]
    pool: Pool

    @property
    def path(self) -> str:
        return f"/{SERVICE}/{self.name}"


PING = Method("Ping", wire.PingRequest, wire.PingReply, Pool.SIGNS_OF_LIFE)
GET_STATUS = Method("GetStatus", wire.GetStatusRequest, wire.GetStatusReply, Pool.SIGNS_OF_LIFE)
START_RUNS = Method("StartRuns", wire.StartRunsRequest, wire.StartRunsReply, Pool.COMMANDS)
CANCEL_RUNS = Method("CancelRuns", wire.CancelRunsRequest, wire.CancelRunsReply, Pool.COMMANDS)
DRAIN = Method("Drain", wire.DrainRequest, wire.DrainReply, Pool.COMMANDS)
RELOAD_CONFIG = Method(
    "ReloadConfig", wire.ReloadConfigRequest, wire.ReloadConfigReply, Pool.COMMANDS
)
CONFIRM_CONTINUATION = Method(
    "ConfirmContinuation",
    wire.ConfirmContinuationRequest,
    wire.ConfirmContinuationReply,
    Pool.COMMANDS,
)
READ_LOG = Method("ReadLog", wire.ReadLogRequest, wire.ReadLogReply, Pool.READING)
