"""A TCP proxy that can swallow: connections stay open, and nothing passes them any more."""

import socket
import threading
from contextlib import suppress


class SwallowingProxy:
    """Passes bytes between who connects and ``target``, a TCP port or a Unix socket's path.

    ``swallow()`` is what a network does that loses a route: the connections of that moment go
    silent for good, without an end; new ones work.
    """

    def __init__(self, target: int | str) -> None:
        self._target = target
        self._swallowed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        self._swallowed.set()
        self._swallowed = threading.Event()

    def close(self) -> None:
        for each in (self._listener, *self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = self._connect()
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    pump = threading.Thread(
                        target=_pump, args=(source, sink, self._swallowed), daemon=True
                    )
                    pump.start()

    def _connect(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server


def _pump(source: socket.socket, sink: socket.socket, swallowed: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if not swallowed.is_set():
                sink.sendall(data)
        if not swallowed.is_set():
            sink.shutdown(socket.SHUT_WR)
