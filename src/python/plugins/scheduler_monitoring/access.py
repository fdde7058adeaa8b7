"""Who may read /metrics."""

import hmac
from collections.abc import Mapping


def may_read(token: str, headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers (names in lower case) shows ``token``, as
    ``X-Scheduler-Token`` or as ``Authorization: Bearer``. With an empty token anybody may."""
    if not token:
        return True
    shown = headers.get("x-scheduler-token") or _bearer(headers.get("authorization", ""))
    return hmac.compare_digest(_sent(shown), token.encode())


def _bearer(header: str) -> str:
    scheme, _, value = header.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _sent(shown: str) -> bytes:
    """The bytes that came: HTTP servers take headers for Latin-1, whatever was meant."""
    try:
        return shown.encode("latin-1")
    except UnicodeEncodeError:
        return shown.encode(errors="surrogatepass")
