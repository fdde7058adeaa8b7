"""Pages: a cursor is opaque to callers; inside, it is the key of the last row of its page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from uuid import UUID

from django.core.exceptions import ValidationError


def cursor_of(key: UUID | str | None) -> str | None:
    """The text that stands for a key; None where there is no further page."""
    if key is None:
        return None
    return urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def key_of(cursor: str | None) -> str | None:
    """The key that a cursor stands for. Raises ValidationError."""
    if cursor is None:
        return None
    try:
        key = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (NotBase64, ValueError):
        raise _bad() from None
    if not key or "\x00" in key:
        raise _bad()
    return key


def id_of(cursor: str | None) -> UUID | None:
    """The id that a cursor stands for. Raises ValidationError."""
    key = key_of(cursor)
    if key is None:
        return None
    try:
        return UUID(key)
    except ValueError:
        raise _bad() from None


def _bad() -> ValidationError:
    return ValidationError({"cursor": "This is no cursor; give what a page gave as next."})
