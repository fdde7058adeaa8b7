"""One POST against a real server: refused, redirected, hanging, endless, untrusted."""

import logging
import socket
import ssl
from datetime import UTC, datetime
from time import monotonic

import pytest
import trustme

from scheduler_notify.channels import posting
from scheduler_notify.channels.failing import NotDelivered
from scheduler_notify.channels.posting import ANSWER_BYTES, post, retry_after_seconds
from tests.plugins.http_server import Answer, local_server
from tests.plugins.notify.builders import HOOK


def refused(address: str) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        post("slack", address, b"{}")
    error = caught.value
    assert "s3cretpath" not in str(error)
    # Nothing that would be printed with it tells the address either.
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    return error


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_answer_of_success_is_delivered(web, status):
    web.answer = Answer(status, b"")
    post("slack", web.url(HOOK), b'{"a": 1}')
    (got,) = web.asked
    assert (got.method, got.path, got.body) == ("POST", "/services/T0/B0/s3cretpath", b'{"a": 1}')
    assert got.headers["content-type"] == "application/json"


def test_a_server_error_is_told_with_what_it_said(web):
    web.answer = Answer(500, b"oh\n no, at /services/T0/B0/s3cretpath, for s3cretpath")
    said = str(refused(web.url(HOOK)))
    assert "127.0.0.1 answered 500 Internal Server Error (oh no, at /***, for ***)" in said


def test_too_many_requests_carry_the_receivers_wish(web):
    web.answer = Answer(429, b"", {"Retry-After": "37"})
    assert refused(web.url(HOOK)).retry_after_seconds == 37


def test_a_redirect_is_not_followed(web):
    with local_server() as elsewhere:
        web.answer = Answer(302, b"", {"Location": elsewhere.url(HOOK)})
        assert "302 Found, a redirect" in str(refused(web.url(HOOK)))
        assert elsewhere.asked == []


def test_a_server_that_never_answers_is_left_in_time(web, monkeypatch):
    monkeypatch.setattr(posting, "READ_SECONDS", 0.3)
    web.answer = Answer(hang=True)
    begun = monotonic()
    assert "did not answer within 0.3 s" in str(refused(web.url(HOOK)))
    assert monotonic() - begun < 5


def test_an_answer_that_drips_meets_a_limit_for_the_whole(web, monkeypatch):
    monkeypatch.setattr(posting, "ATTEMPT_SECONDS", 0.4)
    web.answer = Answer(drip=0.05)
    begun = monotonic()
    assert "was not done within 0.4 s" in str(refused(web.url(HOOK)))
    assert monotonic() - begun < 4


def test_an_answer_whose_headers_never_end_is_known_by_its_status(web, monkeypatch):
    monkeypatch.setattr(posting, "ATTEMPT_SECONDS", 0.4)
    web.answer = Answer(200, trickle=0.05)
    post("slack", web.url(HOOK), b"{}")
    web.answer = Answer(500, trickle=0.05)
    assert "answered 500" in str(refused(web.url(HOOK)))


def test_an_answer_that_drips_over_tls_meets_it_too(tls_web, authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(posting, "ATTEMPT_SECONDS", 0.4)
    tls_web.answer = Answer(drip=0.05)
    assert "was not done within 0.4 s" in str(refused(tls_web.url(HOOK)))


def test_an_endless_answer_is_read_only_so_far(web):
    web.answer = Answer(500, b"", endless=True)
    error = refused(web.url(HOOK))
    assert len(str(error)) < ANSWER_BYTES


def test_a_closed_port_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "127.0.0.1 cannot be reached" in str(refused(f"http://127.0.0.1:{port}/s3cretpath"))


def test_a_host_that_is_none_is_told():
    assert "cannot be reached" in str(refused("https://no.such.host.invalid/s3cretpath"))


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls_web(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with local_server(context) as server:
        yield server


def test_a_certificate_of_an_unknown_authority_is_refused(tls_web):
    assert "no certificate that can be verified" in str(refused(tls_web.url(HOOK)))
    assert tls_web.asked == []


def test_a_certificate_of_a_trusted_authority_is_taken(tls_web, authority, tmp_path, monkeypatch):
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    post("slack", tls_web.url(HOOK), b"{}")
    assert len(tls_web.asked) == 1


def test_plain_http_to_another_machine_is_not_sent():
    assert "not set up" in str(refused("http://198.51.100.7/s3cretpath"))


def test_credentials_of_netrc_are_not_sent(web, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    post("slack", web.url(HOOK), b"{}")
    assert "authorization" not in web.asked[0].headers


def test_no_log_of_a_library_tells_the_path(web, caplog):
    with caplog.at_level(logging.DEBUG):
        post("slack", web.url(HOOK), b"{}")
        web.answer = lambda h: h.wfile.write(b"HTTP/1.1 200 OK\r\nno header\r\n\r\nok")
        post("slack", web.url(HOOK), b"{}")
    assert "s3cretpath" not in caplog.text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("Mon, 02 Mar 2026 03:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 02:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 400, None),
    ],
)
def test_a_wish_is_a_number_or_a_date(header, seconds):
    assert retry_after_seconds(header, datetime(2026, 3, 2, 3, tzinfo=UTC)) == seconds
