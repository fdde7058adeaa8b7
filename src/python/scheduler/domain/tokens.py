"""What an API token is: its scopes, the form of its text, and the proof that a text is one.

The text is ``sch_<8 characters>_<43 characters>``. The first part is the **prefix**: it is kept and
shown, and finds the token's row. The rest is 256 random bits. Only the SHA-256 of the whole text is
kept: a slow hash protects what people choose, and these are chosen by nobody.
"""

import hmac
import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256

from scheduler.domain.errors import SchedulerError

SECRET_BYTES = 32
PREFIX_LENGTH = 8
TOKEN_TEXT = re.compile(r"(?P<prefix>sch_[a-z2-7]{8})_[A-Za-z0-9_-]{43}\Z")


class TokenScope(StrEnum):
    """What a token may be used for. The set is closed; none includes another."""

    EVENTS_WRITE = "events:write"
    READ = "read"
    JOBS_WRITE = "jobs:write"
    RUNS_WRITE = "runs:write"
    WORKERS_WRITE = "workers:write"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"


SCOPE_MEANINGS = {
    TokenScope.EVENTS_WRITE: "post events",
    TokenScope.READ: "read jobs, runs, logs, workers and the cluster's state",
    TokenScope.JOBS_WRITE: "make, change, enable and delete jobs",
    TokenScope.RUNS_WRITE: "start, cancel, repeat and backfill runs",
    TokenScope.WORKERS_WRITE: "drain and detach workers, degrade the leader, pause the cluster",
    TokenScope.SETTINGS_READ: "read settings (secrets stay hidden)",
    TokenScope.SETTINGS_WRITE: "change settings",
}


class InvalidToken(SchedulerError):
    """A token cannot be made or changed as asked. ``field`` is the argument at fault."""

    code = "INVALID_TOKEN"

    def __init__(self, field: str, problem: str, allowed: str) -> None:
        self.field, self.problem, self.allowed = field, problem, allowed
        super().__init__(f"Token field {field!r}: {problem}; allowed: {allowed}.")


class TokenNotFound(SchedulerError):
    """No token of this name is in use (it may have been revoked)."""

    code = "TOKEN_NOT_FOUND"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no token {name!r} in use; scheduler_token list shows them.")


def parse_scopes(texts: Iterable[str]) -> tuple[TokenScope, ...]:
    """The scopes, each once, in the order of TokenScope. Raises InvalidToken."""
    asked = set(texts)
    strangers = sorted(asked.difference(TokenScope))
    allowed = ", ".join(TokenScope)
    if strangers:
        raise InvalidToken("scopes", f"there is no scope {strangers[0]!r}", allowed)
    if not asked:
        raise InvalidToken("scopes", "none given", f"one or more of {allowed}")
    return tuple(scope for scope in TokenScope if scope in asked)


def prefix_of(text: str) -> str | None:
    """The visible part of a token's text; None for what is none."""
    found = TOKEN_TEXT.match(text)
    return found["prefix"] if found else None


def digest_of(text: str) -> str:
    """What is kept of a token: SHA-256 in hexadecimal."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def is_proven(text: str, digest: str) -> bool:
    """Whether ``text`` has this digest; takes as long for a near miss as for a far one."""
    return hmac.compare_digest(digest_of(text), digest)
