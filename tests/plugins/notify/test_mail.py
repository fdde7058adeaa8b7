"""Mail to a real SMTP server: encrypted, logged in, refused, hanging."""

import socket
from contextlib import suppress
from threading import Thread
from time import sleep

import pytest

from scheduler_notify.channels import mail
from scheduler_notify.channels.failing import NotDelivered
from tests.plugins.notify.builders import NOON, notice
from tests.plugins.notify.mail_server import PASSWORD, USER, MailServer


@pytest.fixture
def ask(plugin_settings, tmp_path, monkeypatch):
    """Send a notice to a server; ``trusted`` says whether its authority is known."""

    def ask(server, one=None, *, trusted=True, **values):
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", server.trust(tmp_path))
        settings = plugin_settings(
            **{
                "NOTIFY_EMAIL_TO": "ops@example.com,night@example.com",
                "NOTIFY_EMAIL_FROM": "scheduler@example.com",
                "NOTIFY_SMTP_HOST": "localhost",
                "NOTIFY_SMTP_PORT": str(server.port),
                "NOTIFY_SMTP_USER": USER,
                "NOTIFY_SMTP_PASSWORD": PASSWORD,
                **values,
            }
        )
        return mail.send(settings, one or notice(), NOON)

    return ask


def why(ask, server, **values):
    with pytest.raises(NotDelivered) as caught:
        ask(server, **values)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_mail_arrives_over_starttls_with_a_login(ask, mail_server):
    one = notice(
        title="【エラー】nightly が失敗しました", text="理由: 終了コード 3", link="https://s/1"
    )
    assert ask(mail_server, one) == ""
    (got,) = mail_server.mails
    assert got["Subject"] == "【エラー】nightly が失敗しました"
    assert got["From"] == "スケジューラ <scheduler@example.com>"
    assert got["To"] == "ops@example.com, night@example.com"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got.get_content().splitlines() == ["理由: 終了コード 3", "", "https://s/1"]
    assert mail_server.envelopes[0].rcpt_tos == ["ops@example.com", "night@example.com"]


def test_a_mail_that_is_sent_twice_has_the_same_id(ask, mail_server):
    ask(mail_server)
    ask(mail_server)
    assert len({one["Message-ID"] for one in mail_server.mails}) == 1


def test_a_server_with_an_unknown_certificate_gets_neither_mail_nor_password(ask, mail_server):
    assert "no certificate that can be verified" in why(ask, mail_server, trusted=False)
    assert mail_server.envelopes == []


def test_a_certificate_of_another_name_is_refused(ask, mail_server):
    assert "no certificate that can be verified" in why(
        ask, mail_server, NOTIFY_SMTP_HOST="127.0.0.1"
    )


def test_a_wrong_password_is_told_as_such(ask, mail_server):
    said = why(ask, mail_server, NOTIFY_SMTP_PASSWORD="wr0ng-p4ssword")
    assert "refused the login (SMTP 535)" in said
    assert "wr0ng" not in said


def test_a_server_that_offers_no_tls_gets_no_password(ask):
    with MailServer(tls=False, login=False) as plain:
        assert "offers no TLS" in why(ask, plain)
        assert plain.envelopes == []


def test_tls_from_the_first_byte_is_spoken_where_the_port_says_so(ask, monkeypatch):
    # aiosmtpd takes a login only after STARTTLS.
    with MailServer(implicit=True, login=False) as server:
        monkeypatch.setattr(mail, "TLS_FROM_THE_START", server.port)
        ask(server, NOTIFY_SMTP_USER="")
        assert len(server.mails) == 1


def test_a_relay_without_tls_and_login_is_used_when_the_settings_say_so(ask):
    with MailServer(tls=False, login=False) as plain:
        ask(plain, NOTIFY_SMTP_USE_TLS="0", NOTIFY_SMTP_USER="")
        assert len(plain.mails) == 1


def test_recipients_that_are_refused_are_told_and_the_others_get_it_once(ask, mail_server):
    said = ask(mail_server, NOTIFY_EMAIL_TO="nobody@example.com,ops@example.com")
    assert said == "Not taken for: nobody@example.com."
    assert [one.rcpt_tos for one in mail_server.envelopes] == [["ops@example.com"]]


def test_a_mail_that_nobody_may_get_is_not_delivered(ask, mail_server):
    said = why(ask, mail_server, NOTIFY_EMAIL_TO="nobody@example.com")
    assert "for none of the recipients (550 5.1.1 no such user)" in said


def test_a_server_that_says_nothing_is_left_in_time(ask, mail_server, monkeypatch):
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        said = why(ask, mail_server, NOTIFY_SMTP_HOST="127.0.0.1", NOTIFY_SMTP_PORT=port)
    assert "did not answer within 0.3 s" in said


def test_a_server_that_drips_is_left_in_time(ask, mail_server, monkeypatch):
    monkeypatch.setattr(mail, "ATTEMPT_SECONDS", 0.4)

    def drip(server):
        line, _ = server.accept()
        with line, suppress(OSError):
            while True:
                line.sendall(b"220-still here\r\n")
                sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as dripping:
        Thread(target=drip, args=(dripping,), daemon=True).start()
        port = str(dripping.getsockname()[1])
        said = why(ask, mail_server, NOTIFY_SMTP_HOST="127.0.0.1", NOTIFY_SMTP_PORT=port)
    assert "was not done within 0.4 s" in said


def test_a_closed_port_is_told(ask, mail_server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    assert "cannot be reached" in why(ask, mail_server, NOTIFY_SMTP_PORT=port)


def test_lines_longer_than_mail_allows_arrive_whole(ask, mail_server):
    ask(mail_server, notice(text="x" * 5000))
    (got,) = mail_server.mails
    assert got.get_content().strip() == "x" * 5000
