"""Values of the domain <-> messages of ``scheduler.v1``.

Decoding refuses what it does not know: a field that this version lacks raises Unsupported (for
one start order: refuses that order), because a half-understood command is worse than none.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from scheduler.domain.errors import SchedulerError
from scheduler.domain.values import RetryPolicy, StartOrder
from scheduler.ports import Command, LogChunk, PingReply, StartReply, WorkerStatus
from scheduler.transport.proto import worker_pb2 as wire

PROTOCOL_VERSION = 1
"""The version this code speaks; a worker advertises it in its lease row."""

SUPPORTED_VERSIONS = frozenset({1})

_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_to_json = json.JSONEncoder(separators=(",", ":")).encode


class Unsupported(SchedulerError):
    """A message asks for what this version does not know; ``wire_code`` travels to the caller."""

    code = "UNSUPPORTED"

    def __init__(self, wire_code: str, problem: str) -> None:
        self.wire_code = wire_code
        super().__init__(f"{problem}; upgrade this worker, or the leader, to the same version.")


class Malformed(SchedulerError):
    """A message is not what any version sends."""

    code = "MALFORMED"


def check_version(version: int) -> None:
    """Raises Unsupported for a protocol version that is not spoken here."""
    if version not in SUPPORTED_VERSIONS:
        spoken = ", ".join(map(str, sorted(SUPPORTED_VERSIONS)))
        problem = f"Protocol version {version} is not spoken here, only {spoken}"
        raise Unsupported("unsupported_version", problem)


def check_known(*messages: Message) -> None:
    """Raises Unsupported when a message carries a field that this version does not know."""
    for message in messages:
        found = UnknownFieldSet(message)
        unknown = sorted({found[index].field_number for index in range(len(found))})
        if unknown:
            problem = f"{message.DESCRIPTOR.name} carries unknown field(s) {unknown}"
            raise Unsupported("unsupported_field", problem)


def uuid_from(data: bytes) -> UUID:
    if len(data) != 16:
        raise Malformed(f"An id has {len(data)} bytes instead of 16.")
    return UUID(bytes=data)


def uuids_from(items: Iterable[bytes]) -> tuple[UUID, ...]:
    return tuple(uuid_from(item) for item in items)


def uuids_to(items: Iterable[UUID]) -> list[bytes]:
    return [item.bytes for item in items]


def command_to(command: Command) -> wire.Command:
    return wire.Command(
        protocol_version=PROTOCOL_VERSION,
        epoch=command.epoch,
        term_id=command.term_id.bytes,
        leader_worker_id=command.leader_worker_id,
    )


def command_from(message: wire.Command) -> Command:
    return Command(message.epoch, uuid_from(message.term_id), message.leader_worker_id)


def order_to(order: StartOrder) -> wire.StartOrder:
    return wire.StartOrder(
        run_id=order.run_id.bytes,
        assign_seq=order.assign_seq,
        start_in_seconds=order.start_in_seconds,
        definition_id=order.definition_id,
        job_name=order.job_name,
        attempt=order.attempt,
        orphan_count=order.orphan_count,
        slot_key=order.slot_key,
        scheduled_for_unix_us=(order.scheduled_for - _EPOCH_START) // _MICROSECOND,
        executor=order.executor,
        command=order.command,
        args_json=_to_json(order.args),
        isolation=order.isolation,
        timeout_seconds=order.timeout_seconds,
        kill_grace_seconds=order.kill_grace_seconds,
        retry=_retry_to(order.retry),
        event_id=b"" if order.event_id is None else order.event_id.bytes,
    )


def order_from(message: wire.StartOrder) -> StartOrder:
    """Raises Unsupported for unknown fields, Malformed for what cannot be read."""
    check_known(message, message.retry)
    return StartOrder(
        run_id=uuid_from(message.run_id),
        assign_seq=message.assign_seq,
        start_in_seconds=message.start_in_seconds,
        definition_id=message.definition_id,
        job_name=message.job_name,
        attempt=message.attempt,
        orphan_count=message.orphan_count,
        slot_key=message.slot_key,
        scheduled_for=_EPOCH_START + timedelta(microseconds=message.scheduled_for_unix_us),
        executor=message.executor,
        command=message.command,
        args=_args_from(message.args_json),
        isolation=message.isolation,
        timeout_seconds=message.timeout_seconds if message.HasField("timeout_seconds") else None,
        kill_grace_seconds=message.kill_grace_seconds,
        retry=_retry_from(message.retry),
        event_id=uuid_from(message.event_id) if message.event_id else None,
    )


def _args_from(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Malformed("The arguments of a start order are not JSON.") from None


def _retry_to(retry: RetryPolicy) -> wire.RetryPolicy:
    return wire.RetryPolicy(
        max_attempts=retry.max_attempts,
        backoff_seconds=retry.backoff_seconds,
        backoff_factor=retry.backoff_factor,
        backoff_max_seconds=retry.backoff_max_seconds,
        jitter=retry.jitter,
        retry_on_orphan=retry.retry_on_orphan,
        max_orphans=retry.max_orphans,
    )


def _retry_from(message: wire.RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=message.max_attempts,
        backoff_seconds=message.backoff_seconds,
        backoff_factor=message.backoff_factor,
        backoff_max_seconds=message.backoff_max_seconds,
        jitter=message.jitter,
        retry_on_orphan=message.retry_on_orphan,
        max_orphans=message.max_orphans,
    )


def orders_from(
    messages: Iterable[wire.StartOrder],
) -> tuple[list[StartOrder], list[tuple[UUID, str]]]:
    """The orders understood, and (run_id, "unsupported") of those from a newer version."""
    orders: list[StartOrder] = []
    refused: list[tuple[UUID, str]] = []
    for message in messages:
        try:
            orders.append(order_from(message))
        except Unsupported:
            refused.append((uuid_from(message.run_id), "unsupported"))
    return orders, refused


def start_reply_to(reply: StartReply, refused: Iterable[tuple[UUID, str]]) -> wire.StartRunsReply:
    refusals = (*reply.refused, *refused)
    return wire.StartRunsReply(
        accepted=uuids_to(reply.accepted),
        refused=[wire.Refusal(run_id=run.bytes, code=code) for run, code in refusals],
    )


def start_reply_from(message: wire.StartRunsReply) -> StartReply:
    refused = tuple((uuid_from(item.run_id), item.code) for item in message.refused)
    return StartReply(uuids_from(message.accepted), refused)


def ping_reply_to(reply: PingReply) -> wire.PingReply:
    return wire.PingReply(
        worker_id=reply.worker_id,
        nonce=reply.nonce,
        newest_epoch=reply.newest_epoch,
        open_runs=reply.open_runs,
        capacity=reply.capacity,
        accepting=reply.accepting,
    )


def ping_reply_from(message: wire.PingReply) -> PingReply:
    return PingReply(
        worker_id=message.worker_id,
        nonce=message.nonce,
        newest_epoch=message.newest_epoch,
        open_runs=message.open_runs,
        capacity=message.capacity,
        accepting=message.accepting,
    )


def status_to(status: WorkerStatus) -> wire.GetStatusReply:
    return wire.GetStatusReply(
        worker_id=status.worker_id,
        role=status.role,
        newest_epoch=status.newest_epoch,
        open_runs=status.open_runs,
        capacity=status.capacity,
        running=uuids_to(status.running),
        deadline_in_seconds=status.deadline_in_seconds,
        config_revision=status.config_revision,
    )


def status_from(message: wire.GetStatusReply) -> WorkerStatus:
    return WorkerStatus(
        worker_id=message.worker_id,
        role=message.role,
        newest_epoch=message.newest_epoch,
        open_runs=message.open_runs,
        capacity=message.capacity,
        running=uuids_from(message.running),
        deadline_in_seconds=message.deadline_in_seconds,
        config_revision=message.config_revision,
    )


def log_chunk_to(chunk: LogChunk) -> wire.ReadLogReply:
    return wire.ReadLogReply(
        data=chunk.data, next_offset=chunk.next_offset, size=chunk.size, finished=chunk.finished
    )


def log_chunk_from(message: wire.ReadLogReply) -> LogChunk:
    return LogChunk(message.data, message.next_offset, message.size, message.finished)
