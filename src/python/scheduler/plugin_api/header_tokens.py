"""Tokens as callers show them in the headers of a request."""

import hmac
from collections.abc import Mapping
from hashlib import sha256


def shows(headers: Mapping[str, str], token: str) -> bool:
    """Whether a request with these headers (asked for in lower case) shows ``token``, as
    ``X-Scheduler-Token`` or as ``Authorization: Bearer``. In constant time, whatever was shown."""
    shown = headers.get("x-scheduler-token") or bearer_of(headers.get("authorization", "")) or ""
    return hmac.compare_digest(sha256(_sent(shown)).digest(), sha256(token.encode()).digest())


def bearer_of(authorization: str) -> str | None:
    """The token of an ``Authorization`` header; None for one of another kind: a proxy in front may
    have its own."""
    kind, _, text = authorization.partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _sent(shown: str) -> bytes:
    """The bytes that came: HTTP servers take headers for Latin-1, whatever was meant."""
    try:
        return shown.encode("latin-1")
    except UnicodeEncodeError:
        return shown.encode(errors="surrogatepass")
