"""Mail over SMTP, in plain text, with TLS and a verified certificate unless it is switched off."""

import smtplib
import ssl
from contextlib import closing, suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from scheduler.plugin_api.line_limits import Lines
from scheduler_notify.channels.failing import ATTEMPT_SECONDS, NotDelivered
from scheduler_notify.messages import Notice, Severity
from scheduler_notify.settings import NotifySettings

TLS_FROM_THE_START = 465
CHECK = "check the mail settings and the server"
TIMEOUT_SECONDS = 10.0
SENDER_NAME = {"ja": "スケジューラ", "en": "Scheduler"}


def send(settings: NotifySettings, notice: Notice, now: datetime) -> str:
    """Send it to all recipients; the answer names those whom the server refused while it took the
    mail for others. Raises NotDelivered."""
    if not (settings.notify_email_to and settings.notify_email_from and settings.notify_smtp_host):
        raise NotDelivered("mail", "The channel mail is not set up", "see docs/notifications.md")
    mail = as_mail(settings, notice, now)
    host = settings.notify_smtp_host
    lines = Lines()
    try:
        with lines.within(ATTEMPT_SECONDS), closing(_connected(settings, lines)) as server:
            refused = server.send_message(
                mail, settings.notify_email_from, list(settings.notify_email_to)
            )
            _say_goodbye(server)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotDelivered("mail", f"{host} {lines.ended_by(_what(error))}", CHECK) from None
    return f"Not taken for: {', '.join(sorted(refused))}." if refused else ""


def as_mail(settings: NotifySettings, notice: Notice, now: datetime) -> EmailMessage:
    """The notice as a mail. Its Message-ID is the same at each attempt, so that a mail program
    shows one that came twice once."""
    mail = EmailMessage()
    sender = settings.notify_email_from
    name = SENDER_NAME[settings.notify_language]
    mail["Subject"] = notice.title
    mail["From"] = Address(display_name=name, addr_spec=sender)
    mail["To"] = ", ".join(settings.notify_email_to)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{notice.notice_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if notice.severity is Severity.ERROR and not notice.resolved:
        mail["Importance"] = "high"
    text = f"{notice.text}\n\n{notice.link}\n" if notice.link else f"{notice.text}\n"
    mail.set_content(text, charset="utf-8", cte="quoted-printable" if text.isascii() else "base64")
    return mail


def _say_goodbye(server: smtplib.SMTP) -> None:
    """The mail was taken by now, so what goes wrong here must not send it again."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()


class _Server(smtplib.SMTP):
    """Is noted before it connects: its greeting may drip, too."""

    def __init__(self, lines: Lines, *where: Any, **how: Any) -> None:
        lines.note(self)
        super().__init__(*where, **how)


class _TlsServer(_Server, smtplib.SMTP_SSL):
    """TLS from the first byte."""


def _connected(settings: NotifySettings, lines: Lines) -> smtplib.SMTP:
    """Connected, encrypted and logged in, as the settings say."""
    host, port = settings.notify_smtp_host, settings.notify_smtp_port
    context = ssl.create_default_context() if settings.notify_smtp_use_tls else None
    if context and port == TLS_FROM_THE_START:
        server: smtplib.SMTP = _TlsServer(
            lines, host, port, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        server = _Server(lines, host, port, timeout=TIMEOUT_SECONDS)
    try:
        if context and port != TLS_FROM_THE_START:
            server.starttls(context=context)
        if settings.notify_smtp_user:
            password = settings.notify_smtp_password.get_secret_value()
            server.login(settings.notify_smtp_user, password)
    except BaseException:
        server.close()
        raise
    return server


def _what(error: Exception) -> str:
    """An exception in words. What a server says of a login may quote it, so that is left out."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refused the login (SMTP {error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"takes mail for none of the recipients ({_answers(error)})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {error.smtp_code} {_one_line(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "offers no TLS, or no login, which the settings ask for"
    # smtplib takes a time limit that passes while it reads for a lost connection.
    if isinstance(error, smtplib.SMTPServerDisconnected) and "timed out" not in str(error):
        return "closed the connection"
    if isinstance(error, ssl.SSLError):
        return "has no certificate that can be verified, or speaks no TLS there"
    if isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected):
        return f"did not answer within {TIMEOUT_SECONDS:g} s"
    if isinstance(error, OSError):
        return "cannot be reached"
    return f"could not be given the mail ({type(error).__name__})"


def _answers(error: smtplib.SMTPRecipientsRefused) -> str:
    return "; ".join(
        sorted({f"{code} {_one_line(said)}" for code, said in error.recipients.values()})
    )


def _one_line(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]
