"""Web addresses, as settings take them."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

EXPECTED = (
    "an address that begins with http:// or https:// and names a host, without user, password, "
    "query, fragment or spaces",
    "http:// または https:// で始まり、ホスト名を含むアドレス(ユーザー名、パスワード、クエリ、"
    "フラグメント、空白は書けません)",
)
"""What ``ServerAddress`` takes, for ``expects``."""


def is_web_address(text: str) -> bool:
    """Whether it is an http or https address with a host and a usable port."""
    try:
        parts = urlsplit(text)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    clean = not any(mark.isspace() or not mark.isprintable() for mark in text)
    return clean and usable and parts.scheme in ("http", "https") and bool(parts.hostname)


def checked_server(text: str) -> str:
    """Empty, or where a server is, without the last slash. Raises ValueError for anything else."""
    parts = urlsplit(text)
    more = (parts.username, parts.password, parts.query, parts.fragment)
    if text and (not is_web_address(text) or any(more)):
        raise ValueError(EXPECTED[0])
    return text.rstrip("/")


ServerAddress = Annotated[str, BeforeValidator(str.strip), AfterValidator(checked_server)]
"""A setting that says where a server is; empty where there is none."""
