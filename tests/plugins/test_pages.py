"""The worker's HTTP server: what it serves, what it refuses, and peers that behave badly."""

import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from threading import Event
from time import monotonic

import pytest

from scheduler.plugin_api.mounts import PageAnswer, PageRequest
from scheduler.transport import pages as server_module
from scheduler.transport.pages import CONNECTIONS_AT_MOST, PageServer, WorkerHttpUnavailable

HOST = "127.0.0.1"
Serve = Callable[..., PageServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[PageServer] = []

    def serve(**pages: Callable[[PageRequest], PageAnswer | None]) -> PageServer:
        server = PageServer(HOST, 0, {f"/{name}": page for name, page in pages.items()})
        started.append(server)
        return server

    yield serve
    for server in started:
        server.stop()


def ask(server: PageServer, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
    connection = HTTPConnection(HOST, server.port, timeout=10)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def raw(server: PageServer, sent: bytes) -> bytes:
    with socket.create_connection((HOST, server.port), timeout=10) as line:
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(4096), b""))


def hello(request: PageRequest) -> PageAnswer:
    return PageAnswer(200, b"hello", headers={"X-Own": "1"})


def test_a_page_is_served_with_its_own_type_and_headers(serve):
    answer = ask(serve(hello=hello), "/hello")
    assert (answer.status, answer.read()) == (200, b"hello")
    assert answer.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert (answer.getheader("X-Own"), answer.getheader("Cache-Control")) == ("1", "no-store")
    assert answer.getheader("Server") == "scheduler"


def test_a_page_is_told_path_query_and_headers(serve):
    seen: list[PageRequest] = []

    def remember(request: PageRequest) -> PageAnswer:
        seen.append(request)
        return hello(request)

    server = serve(hello=remember)
    ask(server, "/hello?a=1&b=&a=%E6%97%A5", Authorization="Bearer x")
    assert seen[0].path == "/hello"
    assert seen[0].query == {"a": "日", "b": ""}
    assert seen[0].headers["authorization"] == "Bearer x"


def test_a_head_has_the_headers_and_no_body(serve):
    answer = ask(serve(hello=hello), "/hello", "HEAD")
    assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "5", b"")


def test_an_unknown_path_is_not_found(serve):
    answer = ask(serve(hello=hello), "/hello/more")
    assert (answer.status, answer.read()) == (404, b"404 Not Found\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(serve, method):
    answer = ask(serve(hello=hello), "/hello", method)
    assert (answer.status, answer.getheader("Allow")) == (405, "GET, HEAD")


def test_a_page_that_could_not_be_made_is_an_error_without_details(serve):
    answer = ask(serve(broken=lambda request: None), "/broken")
    assert (answer.status, answer.read()) == (500, b"500 Internal Server Error\n")


@pytest.mark.parametrize(
    "answer",
    [
        PageAnswer(200, b"", headers={"X": "a\r\nSet-Cookie: b=c"}),
        PageAnswer(200, b"", headers={"X\n": "a"}),
        PageAnswer(200, b"", content_type="text/plain\r\nX: y"),
        PageAnswer(99, b""),
    ],
)
def test_an_answer_that_is_none_is_not_sent(serve, answer):
    got = ask(serve(odd=lambda request: answer), "/odd")
    assert got.status == 500
    assert got.getheader("Set-Cookie") is None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /hello HTTP/9.9 x\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02 nonsense nonsense\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /hello HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /hello?" + b"&".join(b"a=1" for _ in range(200)) + b" HTTP/1.1\r\n\r\n", b"400"),
        (b"GET http://[/hello HTTP/1.1\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_refused_and_never_quoted(serve, sent, status):
    answer = raw(serve(hello=hello), sent)
    assert status in answer.split(b"\r\n")[0]
    assert b"nonsense" not in answer
    assert b"<html" not in answer.lower()
    assert b"Python" not in answer


def test_a_peer_that_sends_slowly_is_ended_at_its_deadline(serve, monkeypatch):
    monkeypatch.setattr(server_module, "CONNECTION_SECONDS", 0.3)
    server = serve(hello=hello)
    began = monotonic()
    with socket.create_connection((HOST, server.port), timeout=10) as line:
        line.sendall(b"GET /hello HTTP/1.1\r\nA: ")
        assert line.recv(100) == b""
    assert monotonic() - began < 4


def test_one_connection_too_many_is_told_so_and_later_ones_are_served(serve):
    gate, inside = Event(), []

    def wait(request: PageRequest) -> PageAnswer:
        inside.append(1)
        gate.wait(10)
        return PageAnswer(200, b"done")

    server = serve(wait=wait, hello=hello)
    connections = [
        HTTPConnection(HOST, server.port, timeout=10) for _ in range(CONNECTIONS_AT_MOST)
    ]
    for connection in connections:
        connection.request("GET", "/wait")
    until(lambda: len(inside) == CONNECTIONS_AT_MOST)
    answer = ask(server, "/hello")
    assert (answer.status, answer.getheader("Retry-After")) == (503, "1")
    gate.set()
    assert {connection.getresponse().status for connection in connections} == {200}
    until(lambda: ask(server, "/hello").status == 200)


def test_a_taken_port_makes_it_take_the_next(serve):
    first = serve(hello=hello)
    second = PageServer(HOST, first.port, {"/hello": hello})
    try:
        assert first.port < second.port < first.port + 100
        assert ask(second, "/hello").status == 200
    finally:
        second.stop()


def test_with_all_ports_taken_or_a_foreign_address_the_start_is_refused_in_a_sentence(
    serve, monkeypatch
):
    first = serve(hello=hello)
    monkeypatch.setattr(server_module, "PORTS_TRIED", 1)
    with pytest.raises(WorkerHttpUnavailable, match=f"all ports from {first.port} to {first.port}"):
        PageServer(HOST, first.port, {})
    with pytest.raises(WorkerHttpUnavailable, match="SCHEDULER_WORKER_HTTP_HOST"):
        PageServer("192.0.2.1", 9464, {})


def test_a_stopped_server_is_gone(serve):
    server = PageServer(HOST, 0, {})
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(server, "/hello")


def until(happened: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not happened():
        assert monotonic() < deadline
        Event().wait(0.01)
