"""The small HTTP server of a worker: pages of plugins, for probes and for those who scrape figures.

It is made to be left alone: GET and HEAD only, one request per connection, at most
``CONNECTIONS_AT_MOST`` at a time, each with a deadline whatever the peer does.
"""

import errno
import socket
import socketserver
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock, Thread
from time import monotonic
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from scheduler.domain.errors import SchedulerError
from scheduler.plugin_api.mounts import PageAnswer, PageRequest

CONNECTIONS_AT_MOST = 16
SILENCE_SECONDS = 5.0
CONNECTION_SECONDS = 20.0
"""Longer than a page may take to answer."""
PORTS_TRIED = 100

_log = structlog.get_logger(__name__)

type Pages = Mapping[str, Callable[[PageRequest], PageAnswer | None]]
"""Pages by path; None: the page could not be made."""


class WorkerHttpUnavailable(SchedulerError):
    """The worker's HTTP server cannot listen where the settings say."""

    code: ClassVar[str] = "WORKER_HTTP_UNAVAILABLE"

    def __init__(self, host: str, problem: str) -> None:
        self.host, self.problem = host, problem
        super().__init__(
            f"The worker's HTTP server cannot listen on {host} ({problem}); correct "
            "SCHEDULER_WORKER_HTTP_HOST or SCHEDULER_WORKER_HTTP_PORT."
        )


class PageServer:
    """Serves ``pages`` from its making until ``stop``."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """``port`` 0: any; if ``port`` is taken, the first free one of the 99 that follow.

        Raises WorkerHttpUnavailable."""
        self._server = _listening(host, port, pages)
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, name="worker-http", daemon=True)
        self._thread.start()
        _log.info("worker_http_listening", host=host, port=self.port, wanted=port)

    def stop(self) -> None:
        """Take no further request; those under way are not waited for."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pages = pages
        self._free = BoundedSemaphore(CONNECTIONS_AT_MOST)
        self._lock = Lock()
        self._deadlines: dict[socket.socket, float] = {}
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own would ask the DNS for this host's name.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            _refuse(request)
            self.shutdown_request(request)
            return
        with self._lock:
            self._deadlines[request] = monotonic() + CONNECTION_SECONDS
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # No thread could be started.
            self._forget(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def service_actions(self) -> None:
        """Twice a second: end the connections of peers that send or read too slowly."""
        now = monotonic()
        with self._lock:
            for request, deadline in self._deadlines.items():
                if now >= deadline:
                    _end(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer went away, most likely: nobody is left to be told."""
        _log.debug("worker_http_request_failed", peer=str(client_address), exc_info=True)

    def _forget(self, request: socket.socket) -> None:
        with self._lock:
            self._deadlines.pop(request, None)
        self._free.release()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENCE_SECONDS

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def version_string(self) -> str:
        return "scheduler"

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: probes come every few seconds."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The library's own refusals, as plain text: its page quotes what the peer sent."""
        known = getattr(self, "command", None) in ("GET", "HEAD")
        if code == HTTPStatus.NOT_IMPLEMENTED and not known:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._plain(HTTPStatus(code))

    def _serve(self) -> None:
        try:
            request = self._request()
        except ValueError:
            self._plain(HTTPStatus.BAD_REQUEST)
            return
        page = self.server.pages.get(request.path)
        if page is None:
            self._plain(HTTPStatus.NOT_FOUND)
            return
        answer = page(request)
        if answer is None or not _is_sendable(answer):
            self._plain(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self._send(answer)

    def _request(self) -> PageRequest:
        """Raises ValueError for an address or a query that is none."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=100))
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return PageRequest(unquote(parts.path), query, headers)

    def _plain(self, status: HTTPStatus) -> None:
        headers = {"Allow": "GET, HEAD"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        body = f"{status.value} {status.phrase}\n".encode()
        self._send(PageAnswer(status.value, body, headers=headers))

    def _send(self, answer: PageAnswer) -> None:
        self.close_connection = True
        self.send_response(answer.status)
        own = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in {**answer.headers, **own}.items():
            self.send_header(name, value)
        self.end_headers()
        if getattr(self, "command", None) != "HEAD":
            self.wfile.write(answer.body)


def _listening(host: str, port: int, pages: Pages) -> _Server:
    ports = range(port, port + PORTS_TRIED) if port else (0,)
    for one in ports:
        try:
            return _Server(host, one, pages)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                why = (error.strerror or str(error)).lower()
                raise WorkerHttpUnavailable(host, why) from None
    raise WorkerHttpUnavailable(host, f"all ports from {ports[0]} to {ports[-1]} are taken")


def _is_sendable(answer: PageAnswer) -> bool:
    """Whether it is a response, and no header of it smuggles in another line."""
    texts: list[Any] = [answer.content_type, *answer.headers, *answer.headers.values()]
    one_line = all(
        isinstance(text, str) and text.isascii() and text.isprintable() for text in texts
    )
    status: Any = answer.status
    return one_line and isinstance(status, int) and 200 <= status <= 599


def _refuse(request: socket.socket) -> None:
    """Tell one peer too many; from the thread that listens, so without waiting for it."""
    status = HTTPStatus.SERVICE_UNAVAILABLE
    body = f"{status.value} {status.phrase}\n"
    head = f"HTTP/1.0 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8"
    text = f"{head}\r\nContent-Length: {len(body)}\r\nRetry-After: 1\r\n\r\n{body}"
    request.setblocking(False)
    try:
        request.sendall(text.encode())
    except OSError:
        _log.debug("worker_http_peer_not_told")


def _end(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("worker_http_peer_gone")
