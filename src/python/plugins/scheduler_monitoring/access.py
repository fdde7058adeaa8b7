"""Who may read /metrics."""

import hmac
from collections.abc import Mapping


def may_read(token: str, headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers (names in lower case) shows ``token``, as
    ``X-Scheduler-Token`` or as ``Authorization: Bearer``. With an empty token anybody may."""
    if not token:
        return True
    shown = headers.get("x-scheduler-token") or _bearer(headers.get("authorization", ""))
    return hmac.compare_digest(_bytes(shown), _bytes(token))


def _bearer(header: str) -> str:
    scheme, _, value = header.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
