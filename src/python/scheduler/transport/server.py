"""The worker's side of the line: a gRPC server that takes commands only from our own peers."""

import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import grpc
import structlog

from scheduler.domain.errors import NoFreePort, SchedulerError
from scheduler.ports import WorkerService
from scheduler.transport.handlers import generic_handler
from scheduler.transport.methods import MAX_MESSAGE_BYTES, Pool
from scheduler.transport.tls import SERVER_NAME, Certificates, CertificateWatch

_log = structlog.get_logger(__name__)

_POOL_SIZES = {Pool.SIGNS_OF_LIFE: 2, Pool.COMMANDS: 4, Pool.READING: 4}

_OPTIONS = (
    # Two workers must never share a port: each has its own address.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Leaders probe quiet lines often, on purpose.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
)


class CannotListen(SchedulerError):
    """The host to listen on is not this machine's, or its name is unknown."""

    code = "CANNOT_LISTEN"

    def __init__(self, host: str, why: str) -> None:
        self.host, self.why = host, why
        super().__init__(
            f"This worker cannot listen on {host} ({why}); set SCHEDULER_GRPC_HOST to an address "
            "of this machine, or to 0.0.0.0."
        )


class WorkerServer:
    """Serves a WorkerService until stopped, or until it is forgotten: gRPC ends a server that
    nobody holds any more. One server, one start.

    ``tls`` None means plaintext (SCHEDULER_GRPC_INSECURE=1): anybody who reaches the port may give
    commands, and the log says so. New certificate files hold for the next handshake.
    """

    def __init__(self, service: WorkerService, tls: CertificateWatch | None) -> None:
        self._tls = tls
        self._pools = {
            pool: ThreadPoolExecutor(size, thread_name_prefix=f"grpc-{pool.value}")
            for pool, size in _POOL_SIZES.items()
        }
        self._server = grpc.server(self._pools[Pool.COMMANDS], options=_OPTIONS)
        check_peer = _anybody if tls is None else _named_peer
        self._server.add_generic_rpc_handlers((generic_handler(service, self._pools, check_peer),))

    def start(self, host: str, ports: Sequence[int]) -> int:
        """Listens on the first free of ``ports`` (0: any) and serves; returns the port.

        Raises NoFreePort when all are taken, CannotListen when the host is not ours.
        """
        credentials = _credentials(self._tls)
        for port in ports:
            bound = self._bind(host, port, credentials)
            if bound:
                self._server.start()
                self._announce(host, bound)
                return bound
        raise NoFreePort(host, min(ports), max(ports))

    def stop(self, grace_seconds: float) -> None:
        """Takes no new calls at once; ends those under way after the grace."""
        self._server.stop(grace_seconds).wait()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _bind(self, host: str, port: int, credentials: grpc.ServerCredentials | None) -> int:
        # Asked of the kernel first: gRPC prints each failed bind to stderr.
        if port and not _is_free(host, port):
            return 0
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if credentials is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, credentials)
        except RuntimeError:
            if not port:
                raise CannotListen(host, "no port could be opened") from None
            return 0

    def _announce(self, host: str, port: int) -> None:
        if self._tls is None:
            _log.warning(
                "grpc_insecure",
                warning="SCHEDULER_GRPC_INSECURE=1: commands are taken in plaintext from anybody "
                "who reaches this port. Never do this outside one's own machine.",
                host=host,
                port=port,
            )
        _log.info("grpc_listening", host=host, port=port, tls=self._tls is not None)


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return True
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise CannotListen(host, (error.strerror or str(error)).lower()) from None


def _credentials(tls: CertificateWatch | None) -> grpc.ServerCredentials | None:
    if tls is None:
        return None
    served, first = tls.current()

    def newer() -> grpc.ServerCertificateConfiguration | None:
        """Asked by gRPC before each handshake; None means unchanged."""
        nonlocal served
        generation, certificates = tls.current()
        if generation == served:
            return None
        served = generation
        return _configuration(certificates)

    # types-grpcio lacks the None of the fetcher, which gRPC documents as "no change".
    fetcher = cast(Callable[[], grpc.ServerCertificateConfiguration], newer)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first), fetcher, require_client_authentication=True
    )


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key_pem, certificates.cert_pem)], root_certificates=certificates.ca_pem
    )


def _anybody(context: grpc.ServicerContext) -> str | None:
    return None


def _named_peer(context: grpc.ServicerContext) -> str | None:
    """A company's CA signs many certificates: only those that name our service give commands."""
    identity = cast(Mapping[str, Sequence[bytes]], context.auth_context())
    names = identity.get("x509_subject_alternative_name") or identity.get("x509_common_name") or ()
    if SERVER_NAME.encode() in names:
        return None
    return f"the certificate of {context.peer()} does not name {SERVER_NAME}"
