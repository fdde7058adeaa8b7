"""What a server may do to us: nothing but answer, in time, and not too much."""

import contextlib
import json
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from scheduler_monitoring import remote
from scheduler_monitoring.errors import (
    RemoteError,
    RemoteMalformed,
    RemoteNotConfigured,
    RemoteRedirected,
    RemoteRefused,
    RemoteUnavailable,
)
from scheduler_monitoring.remote import Remote
from tests.plugins.http_server import LocalServer, local_server, send

TOKEN = "a-token-that-nobody-else-may-see"


@pytest.fixture
def server():
    with local_server() as told:
        yield told


def to(server: LocalServer, **changes) -> Remote:
    return Remote("Prometheus", "SCHEDULER_PROMETHEUS_URL", server.address, **changes)


def test_without_an_address_the_setting_is_named():
    with pytest.raises(RemoteNotConfigured, match="SCHEDULER_PROMETHEUS_URL"):
        Remote("Prometheus", "SCHEDULER_PROMETHEUS_URL", "").ask("GET", "/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_a_redirect_is_not_followed(server, status):
    with local_server() as elsewhere:
        server.answer = lambda h: send(h, status, b"", Location=f"{elsewhere.address}/secrets")
        with pytest.raises(RemoteRedirected, match="redirects elsewhere"):
            to(server, token=TOKEN).ask("GET", "/api")
        assert elsewhere.asked == []


def test_nobody_there_is_one_sentence():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(RemoteUnavailable) as told:
        Remote("Prometheus", "SCHEDULER_PROMETHEUS_URL", address).ask("GET", "/")
    assert str(told.value) == (
        f"Prometheus at {address} does not answer (no connection); check that it runs."
    )


def test_a_silent_server_costs_no_more_than_the_limit(server):
    done = threading.Event()
    server.answer = lambda h: done.wait(10)
    began = time.monotonic()
    with pytest.raises(RemoteUnavailable, match="no answer in time"):
        to(server, timeout_seconds=0.3).ask("GET", "/")
    assert time.monotonic() - began < 2
    done.set()


def test_a_server_that_sends_a_byte_at_a_time_costs_no_more_than_the_limit(server):
    done = threading.Event()

    def drip(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not done.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    server.answer = drip
    began = time.monotonic()
    with pytest.raises(RemoteUnavailable, match="not done within"):
        to(server, timeout_seconds=0.4).ask("GET", "/")
    assert time.monotonic() - began < 2
    done.set()


def dripping_headers(handler, done: threading.Event) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    with contextlib.suppress(OSError):
        for _ in range(100):
            if done.wait(0.05):
                break
            handler.wfile.write(b"x")
            handler.wfile.flush()


def test_headers_that_come_a_byte_at_a_time_cost_no_more_than_the_limit(server):
    done = threading.Event()
    server.answer = lambda h: dripping_headers(h, done)
    began = time.monotonic()
    with pytest.raises(RemoteUnavailable, match="not done within"):
        to(server, timeout_seconds=0.4).ask("GET", "/")
    assert time.monotonic() - began < 2
    done.set()


def test_the_same_over_tls(tls_server, authority, tmp_path):
    done = threading.Event()
    tls_server.answer = lambda h: dripping_headers(h, done)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    began = time.monotonic()
    with pytest.raises(RemoteUnavailable, match="not done within"):
        to(tls_server, ca_file=str(tmp_path / "ca.pem"), timeout_seconds=0.6).ask("GET", "/")
    assert time.monotonic() - began < 3
    done.set()


def test_an_answer_without_a_length_that_is_late_is_not_taken_for_a_whole_one(server):
    done = threading.Event()

    def half(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"{}")
        handler.wfile.flush()
        done.wait(10)

    server.answer = half
    with pytest.raises(RemoteUnavailable):
        to(server, timeout_seconds=0.4).ask("GET", "/")
    done.set()


def test_an_endless_answer_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(remote, "BYTES_AT_MOST", 100_000)
    server.answer = lambda h: send(h, 200, b"x" * 5_000_000)
    with pytest.raises(RemoteMalformed, match="longer than 100000 bytes"):
        to(server).ask("GET", "/")


def test_a_compressed_bomb_is_cut_off_too(server, monkeypatch):
    import gzip

    monkeypatch.setattr(remote, "BYTES_AT_MOST", 100_000)
    bomb = gzip.compress(b"0" * 50_000_000)
    server.answer = lambda h: send(h, 200, bomb, **{"Content-Encoding": "gzip"})
    with pytest.raises(RemoteMalformed, match="longer than 100000 bytes"):
        to(server, timeout_seconds=20).ask("GET", "/")


def test_a_refusal_says_why_and_nothing_of_ours(server):
    body = json.dumps({"status": "error", "error": "bad_data: parse error"}).encode()
    server.answer = lambda h: send(h, 400, body)
    with pytest.raises(RemoteRefused, match=r"refused with 400 \(bad_data: parse error\)") as told:
        to(server, token=TOKEN).ask("GET", "/")
    assert told.value.status == 400
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "Internal Server Error"),
        (b"<html>\nlong page", "<html>"),
        (b"[1, 2]", "[1, 2]"),
        (b"\xff\xfe\x1b[31mred", "[31mred"),
        (b"x" * 10_000, "x" * 300),
    ],
)
def test_a_refusal_that_says_little_is_told_in_short(server, body, told):
    server.answer = lambda h: send(h, 500, body)
    with pytest.raises(RemoteRefused) as raised:
        to(server).ask("GET", "/")
    assert told in raised.value.why and "\x1b" not in str(raised.value)


def test_no_json_is_a_typed_error(server):
    server.answer = lambda h: send(h, 200, b"<html>")
    with pytest.raises(RemoteMalformed, match="no JSON"):
        to(server).ask_json("GET", "/")


def test_garbage_instead_of_http_is_a_typed_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1000)
                line.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(RemoteError):
            Remote("Prometheus", "X", address, timeout_seconds=2).ask("GET", "/")
        thread.join()


def test_an_answer_cut_short_is_a_typed_error(server):
    def cut(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")

    server.answer = cut
    with pytest.raises(RemoteUnavailable):
        to(server).ask("GET", "/")


def test_the_token_goes_to_the_server_and_netrc_does_not(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    to(server, token=TOKEN).ask("GET", "/")
    to(server).ask("GET", "/")
    assert [asked.headers.get("authorization") for asked in server.asked] == [
        f"Bearer {TOKEN}",
        None,
    ]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_server(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with local_server(context) as told:
        yield told


def test_a_certificate_of_an_unknown_authority_is_refused(tls_server):
    with pytest.raises(RemoteUnavailable, match="certificate is not trusted"):
        to(tls_server).ask("GET", "/")


def test_a_configured_authority_is_trusted(tls_server, authority, tmp_path: Path):
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    assert to(tls_server, ca_file=str(ca_file)).ask("GET", "/") == b"{}"


def test_a_missing_ca_file_is_a_sentence(tls_server):
    with pytest.raises(RemoteUnavailable):
        to(tls_server, ca_file="/nowhere/ca.pem").ask("GET", "/")
