"""Takes secrets out of what is written or shown."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretBytes, SecretStr

HIDDEN = "***"
SECRET_WORDS = r"password|passwd|secret|token|api[_-]?key|private[_-]?key|credential|authorization"  # noqa: S105

# Fences of this platform: they guard against mistakes, not against people, and a log needs them.
OPEN_NAMES = frozenset({"claim_token", "fencing_token", "token_mismatch"})

SECRET_NAME = re.compile(SECRET_WORDS, re.IGNORECASE)
URL_PASSWORD = re.compile(r"""([a-z][a-z0-9+.-]*://[^\s:/@"'<>]*):[^\s"'<>]+@""", re.IGNORECASE)
SCHEME_TOKEN = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
NAMED_VALUE = re.compile(
    rf"""([\w-]*(?:{SECRET_WORDS})["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&"'}})]+)""",
    re.IGNORECASE,
)


def mask_text(text: str, known: Iterable[str] = ()) -> str:
    """``text`` without passwords in URLs, without ``password=...`` pairs, bearer tokens, and
    without any of the ``known`` secrets."""
    for secret in known:
        text = text.replace(secret, HIDDEN)
    if "://" in text:
        text = URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    text = SCHEME_TOKEN.sub(rf"\1 {HIDDEN}", text)
    return NAMED_VALUE.sub(_hide_pair, text)


def _hide_pair(match: re.Match[str]) -> str:
    name = re.split(r"[\"'\s=:]", match[1], maxsplit=1)[0]
    return match[0] if name.lower() in OPEN_NAMES else f"{match[1]}{HIDDEN}"


def mask_value(name: str, value: Any, known: Iterable[str] = ()) -> Any:
    """``value`` fit to be logged under ``name``; containers are gone through, types are kept."""
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN
    if value and isinstance(value, str | bytes) and _is_secret_name(name):
        return HIDDEN
    if isinstance(value, str):
        return mask_text(value, known)
    if isinstance(value, Mapping):
        return {key: mask_value(str(key), inner, known) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(name, inner, known) for inner in value]
    return value


def _is_secret_name(name: str) -> bool:
    return name.lower() not in OPEN_NAMES and SECRET_NAME.search(name) is not None
