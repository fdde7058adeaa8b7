"""From a failed gRPC call to one of our errors, with a cause that a person can act on."""

from typing import cast

import grpc

from scheduler.domain.errors import PeerUnreachable, SchedulerError, StaleEpoch
from scheduler.transport import methods
from scheduler.transport.proto import worker_pb2 as wire
from scheduler.transport.tls import SERVER_NAME

_CAUSES = (
    (
        "WRONG_VERSION_NUMBER",
        "it speaks plaintext and this side demands mTLS: SCHEDULER_GRPC_INSECURE has to be the "
        "same on both sides",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate has expired or is not signed by our CA: compare SCHEDULER_TLS_CERT_FILE "
        "and SCHEDULER_TLS_CA_FILE of both sides",
    ),
    ("Hostname Verification", f"its certificate does not name {SERVER_NAME}"),
)

_CLOSED_SIGNS = ("Socket closed", "Connection reset", "Broken pipe", "GOAWAY")


class CommandRefused(PeerUnreachable):
    """The worker answered, but would not or could not do it; ``refusal_code`` says why:
    unsupported_version, unsupported_field, malformed, peer_refused, internal, or the code of the
    SchedulerError raised there."""

    code = "COMMAND_REFUSED"

    def __init__(self, address: str, refusal_code: str, message: str) -> None:
        self.refusal_code = refusal_code
        super().__init__(address, refused=False, why=f"{refusal_code}: {message}")


def failure_of(error: grpc.RpcError, address: str, *, tls: bool) -> SchedulerError:
    """The error to raise for a failed call to ``address``."""
    call = cast(grpc.Call, error)  # What a unary call raises is both; types-grpcio denies it.
    detail = _detail(call)
    if detail is not None:
        return _told(detail, address)
    status, text = call.code(), call.details() or ""
    if status == grpc.StatusCode.DEADLINE_EXCEEDED:
        return PeerUnreachable(address, refused=False, why="no answer in time")
    if "Connection refused" in text:
        return PeerUnreachable(address, refused=True)
    return PeerUnreachable(address, refused=False, why=_cause(text, tls) or status.name)


def _told(detail: wire.ErrorDetail, address: str) -> SchedulerError:
    if detail.code == StaleEpoch.code:
        return StaleEpoch(detail.epoch, detail.newest_epoch, detail.leader_worker_id or None)
    return CommandRefused(address, detail.code, detail.message)


def _detail(error: grpc.Call) -> wire.ErrorDetail | None:
    for key, value in error.trailing_metadata() or ():
        if key == methods.ERROR_DETAIL_KEY and isinstance(value, bytes):
            return wire.ErrorDetail.FromString(value)
    return None


def _cause(text: str, tls: bool) -> str:
    for sign, cause in _CAUSES:
        if sign in text:
            return cause
    if any(sign in text for sign in _CLOSED_SIGNS):
        if tls:
            return "it closed the line: if it runs, it has another CA or finds our certificate bad"
        return (
            "it closed the line: if it runs, it demands mTLS and this side speaks plaintext; "
            "SCHEDULER_GRPC_INSECURE has to be the same on both sides"
        )
    return text[-200:]
