"""A TCP proxy on one line between two real processes: it passes, refuses, is silent, or loses.

Silence is what a network does that loses packets: connections stay open and nothing passes. A
kernel gives such a connection up after some seconds (``tcp_user_timeout``); here the kernels on
both sides of the proxy see each other's answers and cannot, so the proxy does it for them.
"""

import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

_PREPARED = re.compile(rb"P....(_pg3_\d+)\x00([^\x00]*)\x00", re.DOTALL)
_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Listens on ``address`` and connects to ``target()``: a TCP port of 127.0.0.1, or the path
    of a Unix socket. Every method takes effect at once, on the connections that stand too."""

    def __init__(self, target: Callable[[], int | str], *, gives_up_seconds: float = 3.0) -> None:
        self._target, self._gives_up_seconds = target, gives_up_seconds
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._passing = threading.Event()
        self._passing.set()
        self._lost_text: bytes | None = None
        self.lost_answers = 0
        self._lines: set[_Line] = set()
        self._serve(self._listener)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def refuse(self) -> None:
        """Connections are reset, new ones refused: as when the process behind is gone."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self._reset_all()

    def silence(self) -> None:
        """Nothing passes; connections that try to say something are reset some seconds later."""
        self._passing.clear()

    def heal(self) -> None:
        """New connections pass. Those that stood in silence are reset, as their state is lost."""
        if not self._passing.is_set():
            self._reset_all()
        self._passing.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._serve(self._listener)

    def lose_answer(self, statement: str) -> None:
        """The next SQL statement with this text reaches the server; the server's answer is lost
        and the connection is reset in its place (``lost_answers`` counts)."""
        self._lost_text = statement.encode()

    def close(self) -> None:
        self.refuse()

    def _serve(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                line = _Line(self, client)
                self._lines.add(line)
                threading.Thread(target=line.open, daemon=True).start()

    def _reset_all(self) -> None:
        for line in list(self._lines):
            line.reset()

    def connect(self) -> socket.socket:
        """A new connection to the target."""
        target = self._target()
        if isinstance(target, int):
            return socket.create_connection(("127.0.0.1", target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(target)
        return server

    def swallows(self) -> bool:
        """Whether what a line was just given is to be dropped; waits as long as a kernel would
        try, and is over sooner when the line is healed."""
        if self._passing.is_set():
            return False
        self._passing.wait(self._gives_up_seconds)
        return True

    def takes_for_loss(self, data: bytes, names: set[bytes]) -> bool:
        """Whether this request's answer is the one to lose."""
        text = self._lost_text
        if text is None or not (text in data or any(name in data for name in names)):
            return False
        self._lost_text = None
        return True

    def names_of(self, data: bytes) -> dict[bytes, bytes]:
        """Statements that psycopg prepares in this request, by name."""
        return {match[1]: match[2] for match in _PREPARED.finditer(data)}

    def looked_for(self, statements: dict[bytes, bytes]) -> set[bytes]:
        """Names of those statements whose answer is to be lost."""
        text = self._lost_text
        return {name + b"\0" for name, said in statements.items() if text and text in said}

    def forget(self, line: "_Line") -> None:
        self._lines.discard(line)


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self._proxy, self._client = proxy, client
        self._server: socket.socket | None = None
        self._statements: dict[bytes, bytes] = {}
        self._losing = False

    def open(self) -> None:
        """Pass bytes both ways until one side ends or the line is reset."""
        try:
            if self._proxy.swallows():
                return self.reset()
            self._server = self._proxy.connect()
        except OSError:
            return self.reset()
        back = threading.Thread(
            target=self._pump, args=(self._server, self._client, self._answer), daemon=True
        )
        back.start()
        self._pump(self._client, self._server, self._request)
        return None

    def reset(self) -> None:
        """End both connections with a reset."""
        for each in (self._client, self._server):
            if each is not None:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._proxy.forget(self)

    def _pump(
        self, source: socket.socket, sink: socket.socket, passes: Callable[[bytes], bool]
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._proxy.swallows() or not passes(data):
                    break
                sink.sendall(data)
        self.reset()

    def _request(self, data: bytes) -> bool:
        self._statements.update(self._proxy.names_of(data))
        if self._proxy.takes_for_loss(data, self._proxy.looked_for(self._statements)):
            self._losing = True
        return True

    def _answer(self, data: bytes) -> bool:
        if self._losing:
            self._proxy.lost_answers += 1
        return not self._losing
