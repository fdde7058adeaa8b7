"""A real HTTP server on the loopback address: it answers as the test says, at once, slowly, badly
or not at all, and remembers what it was asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Thread
from typing import Any

LONGEST_SECONDS = 30.0
"""No answer waits for longer, whatever the test forgets."""

Handler = BaseHTTPRequestHandler


@dataclass(frozen=True)
class Asked:
    """One request as it arrived. Names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Answer:
    """Writes an answer. ``hang``: none before the server stops. ``endless``: a body that never
    ends. ``drip``: no answer but interim ones, one every so many seconds. ``trickle``: headers that
    never end, one every so many seconds."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    endless: bool = False
    drip: float = 0.0
    trickle: float = 0.0

    def __call__(self, handler: Handler) -> None:
        stopped: Event = handler.server.stopped  # type: ignore[attr-defined]
        if self.hang:
            stopped.wait(LONGEST_SECONDS)
        elif self.drip:
            while not stopped.wait(self.drip):
                handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif self.trickle:
            handler.wfile.write(b"HTTP/1.1 %d Told\r\n" % self.status)
            while not stopped.wait(self.trickle):
                handler.wfile.write(b"X-Drop: 1\r\n")
        elif self.endless:
            _begin(handler, self.status, self.headers)
            while not stopped.is_set():
                handler.wfile.write(b"x" * 4096)
        else:
            send(handler, self.status, self.body, **self.headers)


@dataclass
class LocalServer:
    """``script``: the answers to come, one a request; when none is left ``answer`` writes each.
    ``asked`` holds what came."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Handler], None] = field(default_factory=lambda: Answer(200, b"{}"))
    script: list[Callable[[Handler], None]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"{self.address}{path}"

    def take(self, handler: Handler) -> None:
        """Read a request and answer it."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append(Asked(handler.command, handler.path, headers, body))
        answer = self.script.pop(0) if self.script else self.answer
        answer(handler)


def send(handler: Handler, status: int, body: bytes, **headers: str) -> None:
    """A whole answer."""
    _begin(handler, status, {"Content-Length": str(len(body)), **headers})
    handler.wfile.write(body)


@contextmanager
def local_server(tls: SSLContext | None = None) -> Iterator[LocalServer]:
    """Serves until the end of the block."""
    told, stopped = LocalServer(), Event()

    class Taking(BaseHTTPRequestHandler):
        def _any(self) -> None:
            told.take(self)

        do_GET = do_POST = do_DELETE = _any

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                # A client that has had enough is no failure of the test's server.
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    server.daemon_threads = True
    server.stopped = stopped  # type: ignore[attr-defined]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    told.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _begin(handler: Handler, status: int, headers: Mapping[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
