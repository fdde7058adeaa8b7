"""One POST to a configured address: no redirects, time limits, little read of the answer."""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from scheduler.plugin_api.line_limits import NotingLines
from scheduler.plugin_api.masking import HIDDEN, mask_text
from scheduler_notify.addresses import host_of, is_protected
from scheduler_notify.channels.failing import ATTEMPT_SECONDS, NotDelivered
from scheduler_notify.messages import Channel

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
ANSWER_SECONDS = 20.0
ANSWER_BYTES = 4096
SHOWN_CHARACTERS = 200
SHORTEST_SECRET = 8
CHECK = "check the address and the receiver"

# A webhook's path is its secret: urllib3 writes it at DEBUG for each request, and as a warning
# where an answer's headers cannot be read.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _NoCredentials(requests.auth.AuthBase):
    """Without it requests would add what ~/.netrc holds for the host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Adapter(NotingLines, HTTPAdapter):
    """Knows the lines that it opened."""


def post(
    channel: Channel,
    address: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    allow_http: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Send ``body`` as JSON. Returns when the receiver answered 2xx; raises NotDelivered."""
    host = host_of(address)
    if not address or not (allow_http or is_protected(address)):
        raise NotDelivered(
            channel, f"The channel {channel} is not set up", "see docs/notifications.md"
        )
    adapter = _Adapter()
    try:
        with (
            adapter.lines.within(ATTEMPT_SECONDS),
            adapter.mounted_in(requests.Session()) as session,
            session.post(
                address,
                data=body,
                headers={"Content-Type": "application/json", **(headers or {})},
                auth=_NoCredentials(),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
                raise _refused(channel, host, address, response, now())
    except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
        # The exception's own words quote the address.
        why = adapter.lines.ended_by(_what(error))
        raise NotDelivered(channel, f"{host} {why}", CHECK) from None


def _refused(
    channel: Channel, host: str, address: str, response: requests.Response, now: datetime
) -> NotDelivered:
    status = response.status_code
    why = f"{host} answered {status}{_phrase(status)}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return NotDelivered(channel, f"{why}, a redirect", "set the final address itself")
    said = _said(response, address)
    after = retry_after_seconds(response.headers.get("Retry-After", ""), now)
    return NotDelivered(channel, why + (f" ({said})" if said else ""), CHECK, after)


def _said(response: requests.Response, address: str) -> str:
    """The beginning of the answer, on one line, without the address."""
    text = " ".join(_beginning(response).decode("utf-8", "replace").split())
    path = address.partition("://")[2].partition("/")[2]
    parts = [part for part in re.split(r"[/?&=]", path) if len(part) >= SHORTEST_SECRET]
    for secret in filter(None, (address, path, *parts)):
        text = text.replace(secret, HIDDEN)
    return mask_text(text)[:SHOWN_CHARACTERS]


def _beginning(response: requests.Response) -> bytes:
    deadline, found = monotonic() + ANSWER_SECONDS, b""
    try:
        for piece in response.iter_content(512):
            found += piece
            if len(found) >= ANSWER_BYTES or monotonic() > deadline:
                break
    except (requests.RequestException, HTTPError):
        return found
    return found[:ANSWER_BYTES]


def retry_after_seconds(header: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header, a number or a date; None without a usable one."""
    if header.strip().isdigit() and len(header.strip()) < 10:
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _what(error: Exception) -> str:
    """An exception in words, without the address that it quotes."""
    words: tuple[tuple[type[Exception], str], ...] = (
        (requests.exceptions.SSLError, "has no certificate that can be verified"),
        (requests.exceptions.ProxyError, "cannot be reached through the proxy"),
        (requests.exceptions.ConnectTimeout, f"did not accept within {CONNECT_SECONDS:g} s"),
        (requests.exceptions.Timeout, f"did not answer within {READ_SECONDS:g} s"),
        (requests.exceptions.ConnectionError, "cannot be reached"),
    )
    known = (text for kind, text in words if isinstance(error, kind))
    return next(known, f"could not be asked ({type(error).__name__})")
