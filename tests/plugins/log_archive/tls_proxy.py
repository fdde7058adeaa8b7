"""TLS in front of a server that speaks none."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import trustme


@contextmanager
def tls_in_front_of(port: int, ca_file: Path) -> Iterator[int]:
    """A port of 127.0.0.1 with a certificate of an authority that ``ca_file`` then holds."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_serve, args=(listening, context, port))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            raw, _ = listening.accept()
            Thread(target=_join, args=(raw, context, port), daemon=True).start()


def _join(raw: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with closing(raw), suppress(OSError):
        near = context.wrap_socket(raw, server_side=True)
        far = socket.create_connection(("127.0.0.1", port))
        with closing(near), closing(far):
            back = Thread(target=_pump, args=(far, near), daemon=True)
            back.start()
            _pump(near, far)
            back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
