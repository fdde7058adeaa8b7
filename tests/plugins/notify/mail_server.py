"""A real SMTP server (aiosmtpd) with a certificate of its own authority, STARTTLS and a login."""

import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from scheduler_demo.server import free_port

USER, PASSWORD = "scheduler", "m4il-p4ssword"


class _Keep:
    """Keeps what it is given; refuses recipients whose name begins with ``nobody``."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 OK"


class MailServer:
    """``implicit``: TLS from the first byte, instead of STARTTLS. ``tls`` False: neither."""

    def __init__(self, *, tls: bool = True, implicit: bool = False, login: bool = True) -> None:
        self._authority = trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert("localhost").configure_cert(context)
        self._handler = _Keep()
        options: dict[str, Any] = {"authenticator": _authenticate} if login else {}
        options["auth_required"] = login
        options["auth_require_tls"] = login or (tls and not implicit)
        if tls and not implicit:
            options |= {"tls_context": context, "require_starttls": True}
        self._controller = Controller(
            self._handler,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=context if implicit else None,
            **options,
        )

    @property
    def port(self) -> int:
        port: int = self._controller.port
        return port

    @property
    def envelopes(self) -> list[Envelope]:
        return self._handler.envelopes

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(_bytes(one), policy=default) for one in self.envelopes]

    def trust(self, folder: Path) -> str:
        """The file of its authority's certificate, for SSL_CERT_FILE."""
        path = folder / "mail-ca.pem"
        self._authority.cert_pem.write_to_path(path)
        return str(path)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._controller.stop()


def _bytes(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, bytes)
    return envelope.content


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == known, handled=False)
