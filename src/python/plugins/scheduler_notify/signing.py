"""Signatures of the own webhook, as the Standard Webhooks specification has them. Pure."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from pydantic import SecretStr

from scheduler.plugin_api.settings import Unusable

PREFIX = "whsec_"
SHORTEST = 24


def checked_signing_secret(value: SecretStr) -> SecretStr:
    """The value when it is empty or fit to sign with. Raises Unusable."""
    text = value.get_secret_value()
    if text and len(text) < SHORTEST:
        raise Unusable(f"at least {SHORTEST} characters, best whsec_ and base64 of 24 random bytes")
    if text.startswith(PREFIX):
        signing_key(text)
    return value


def signing_key(secret: str) -> bytes:
    """The bytes that sign: what ``whsec_`` precedes as base64, other text as UTF-8."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("base64 after whsec_") from None


def signed_headers(secret: str, notice_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers that prove where ``body`` comes from and when it was sent."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((notice_id.encode(), timestamp.encode(), body))
    digest = hmac.new(signing_key(secret), signed, sha256).digest()
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
