"""What the server does for each method: judge, decode, ask the WorkerService, encode.

Every failure leaves as a status code with an ErrorDetail, so that the leader's side raises the
same typed error that was raised here.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Never

import grpc
import structlog
from google.protobuf.message import Message

from scheduler.domain.errors import RunNotFound, SchedulerError, StaleEpoch
from scheduler.ports import Command, WorkerService
from scheduler.transport import codec, methods
from scheduler.transport.methods import Method, Pool
from scheduler.transport.proto import worker_pb2 as wire

_log = structlog.get_logger(__name__)

type PeerCheck = Callable[[grpc.ServicerContext], str | None]
"""Says why this peer may not give commands, or None when it may."""


class Handlers:
    """Turns calls into calls of the WorkerService."""

    def __init__(self, service: WorkerService) -> None:
        self._service = service

    def table(self) -> list[tuple[Method[Any, Any], Callable[[Any], Message]]]:
        return [
            (methods.PING, self.ping),
            (methods.GET_STATUS, self.get_status),
            (methods.START_RUNS, self.start_runs),
            (methods.CANCEL_RUNS, self.cancel_runs),
            (methods.DRAIN, self.drain),
            (methods.RELOAD_CONFIG, self.reload_config),
            (methods.CONFIRM_CONTINUATION, self.confirm_continuation),
            (methods.READ_LOG, self.read_log),
        ]

    def ping(self, request: wire.PingRequest) -> wire.PingReply:
        command = _command(request)
        return codec.ping_reply_to(self._service.ping(command, request.echo_nonce))

    def get_status(self, request: wire.GetStatusRequest) -> wire.GetStatusReply:
        _check(request.protocol_version, request)
        return codec.status_to(self._service.status())

    def start_runs(self, request: wire.StartRunsRequest) -> wire.StartRunsReply:
        command = _command(request)
        orders, refused = codec.orders_from(request.orders)
        return codec.start_reply_to(self._service.start_runs(command, orders), refused)

    def cancel_runs(self, request: wire.CancelRunsRequest) -> wire.CancelRunsReply:
        command, runs = _command(request), codec.uuids_from(request.run_ids)
        known = self._service.cancel_runs(command, runs)
        return wire.CancelRunsReply(run_ids=codec.uuids_to(known))

    def drain(self, request: wire.DrainRequest) -> wire.DrainReply:
        self._service.drain(_command(request), drain=request.drain)
        return wire.DrainReply()

    def reload_config(self, request: wire.ReloadConfigRequest) -> wire.ReloadConfigReply:
        applied = self._service.reload_config(_command(request), request.revision)
        return wire.ReloadConfigReply(revision=applied)

    def confirm_continuation(
        self, request: wire.ConfirmContinuationRequest
    ) -> wire.ConfirmContinuationReply:
        command, runs = _command(request), codec.uuids_from(request.run_ids)
        running = self._service.confirm_continuation(command, runs)
        return wire.ConfirmContinuationReply(run_ids=codec.uuids_to(running))

    def read_log(self, request: wire.ReadLogRequest) -> wire.ReadLogReply:
        _check(request.protocol_version, request)
        run_id = codec.uuid_from(request.run_id)
        return codec.log_chunk_to(self._service.read_log(run_id, request.offset, request.limit))


def generic_handler(
    service: WorkerService, pools: dict[Pool, ThreadPoolExecutor], check_peer: PeerCheck
) -> grpc.GenericRpcHandler:
    """The service as gRPC registers it; each method runs in the pool that its table entry names."""
    handlers = {
        method.name: grpc.unary_unary_rpc_method_handler(
            _behavior(method, act, pools[method.pool], check_peer),
            request_deserializer=method.request.FromString,
            response_serializer=method.reply.SerializeToString,
        )
        for method, act in Handlers(service).table()
    }
    return grpc.method_handlers_generic_handler(methods.SERVICE, handlers)


def _behavior(
    method: Method[Any, Any],
    act: Callable[[Any], Message],
    pool: ThreadPoolExecutor,
    check_peer: PeerCheck,
) -> Callable[[Any, grpc.ServicerContext], Message]:
    def behave(request: Any, context: grpc.ServicerContext) -> Message:
        denied = check_peer(context)
        if denied is not None:
            _log.warning("peer_refused", peer=context.peer(), method=method.name, why=denied)
            _abort(context, grpc.StatusCode.PERMISSION_DENIED, "peer_refused", denied)
        try:
            return act(request)
        except Exception as error:
            _fail(context, method.name, error)

    # gRPC runs a behaviour in this pool instead of the server's own: so no sign of life ever
    # queues behind a batch of starts or a log being read.
    behave.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return behave


def _command(request: Any) -> Command:
    """The command part of a request, after its version and fields were found to be ours."""
    _check(request.command.protocol_version, request, request.command)
    return codec.command_from(request.command)


def _check(version: int, *messages: Message) -> None:
    codec.check_version(version)
    codec.check_known(*messages)


def _fail(context: grpc.ServicerContext, method: str, error: Exception) -> Never:
    """Answers a failed call with the status code that its error stands for."""
    message = str(error)
    match error:
        case StaleEpoch():
            detail = wire.ErrorDetail(
                epoch=error.mine,
                newest_epoch=error.current,
                leader_worker_id=error.leader_worker_id or "",
            )
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, error.code, message, detail)
        case codec.Unsupported():
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, error.wire_code, message)
        case codec.Malformed():
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "malformed", message)
        case RunNotFound():
            _abort(context, grpc.StatusCode.NOT_FOUND, error.code, message)
        case SchedulerError():
            _log.warning("call_failed", method=method, code=error.code, error=message)
            _abort(context, grpc.StatusCode.ABORTED, error.code, message)
        case _:
            # The text of an unforeseen error may hold anything: it stays in this worker's log.
            _log.error("call_crashed", method=method, exc_info=error)
            text = f"{method} failed on the worker; its log says why"
            _abort(context, grpc.StatusCode.INTERNAL, "internal", text)


def _abort(
    context: grpc.ServicerContext,
    status: grpc.StatusCode,
    code: str,
    message: str,
    detail: wire.ErrorDetail | None = None,
) -> Never:
    detail = wire.ErrorDetail() if detail is None else detail
    detail.code, detail.message = code, message
    context.set_trailing_metadata(((methods.ERROR_DETAIL_KEY, detail.SerializeToString()),))
    context.abort(status, message)
    raise AssertionError("unreachable: abort raises")
