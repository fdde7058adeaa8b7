"""A client of SCHEDULER_REDIS_URL: plain, TLS, Unix socket, or a master found by Sentinel.

Time limits are short on purpose: whoever waits here is a leader with a term to keep.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from scheduler.domain.errors import InvalidSetting, RedisUnavailable

SETTING = "SCHEDULER_REDIS_URL"

_SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
_FORMS = (
    "redis://host:port/db, rediss://..., unix:///path?db=0 or "
    "redis+sentinel://[user:password@]host:port[,host:port]/service[/db]"
)
_SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class _SentinelUrl:
    sentinels: tuple[tuple[str, int], ...]
    service: str
    options: dict[str, Any]
    sentinel_options: dict[str, Any]


class RedisConnection:
    """A pool of connections to one Redis; safe for threads.

    Making one connects to nothing: Redis may be away at the start.
    """

    def __init__(
        self, url: str, *, connect_seconds: float = 0.5, answer_seconds: float = 1.0
    ) -> None:
        """Raises InvalidSetting for a URL that is none; its text is never repeated."""
        limits: dict[str, Any] = {
            "socket_connect_timeout": connect_seconds,
            "socket_timeout": answer_seconds,
            # A pooled connection may have died while idle: one more try, at once, and no more.
            "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            "decode_responses": True,
        }
        self.where, self.client = _connect(url, limits)

    def ping(self) -> float:
        """Seconds that one round trip took. Raises RedisUnavailable."""
        began = monotonic()
        with self.guarded():
            self.client.ping()
        return monotonic() - began

    @contextmanager
    def guarded(self) -> Iterator[redis.Redis]:
        """The client; whatever it raises becomes RedisUnavailable."""
        try:
            yield self.client
        except (redis.RedisError, OSError) as error:
            raise RedisUnavailable(self.where, _why(error)) from None

    def close(self) -> None:
        self.client.close()


def _connect(url: str, limits: dict[str, Any]) -> tuple[str, redis.Redis]:
    try:
        parts = urlsplit(url)
        if parts.scheme in _SENTINEL_SCHEMES:
            return _connect_by_sentinel(parts, limits)
        return _where(parts), redis.Redis.from_url(url, **limits)
    except (ValueError, TypeError, AttributeError):
        # The library's text may quote the URL, and with it a password.
        raise InvalidSetting(SETTING, None, _FORMS) from None


def _connect_by_sentinel(parts: SplitResult, limits: dict[str, Any]) -> tuple[str, redis.Redis]:
    found = _sentinel_url(parts)
    asked = {**limits, **found.sentinel_options}
    sentinel = Sentinel(found.sentinels, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    options = {**limits, **found.options}
    client: redis.Redis = sentinel.master_for(found.service, **options)  # type: ignore[no-untyped-call]
    hosts = ",".join(f"{host}:{port}" for host, port in found.sentinels)
    return f"{parts.scheme}://{hosts}/{found.service}", client


def _sentinel_url(parts: SplitResult) -> _SentinelUrl:
    credentials, _, hosts = parts.netloc.rpartition("@")
    sentinels = tuple(_host_and_port(item) for item in hosts.split(","))
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("no service")
    query = parse_url(f"redis://localhost/?{parts.query}")  # type: ignore[no-untyped-call]
    query.pop("host", None)
    options = {key: query[key] for key in query if not key.startswith("sentinel_")}
    sentinel_options = {
        key.removeprefix("sentinel_"): query[key] for key in query if key.startswith("sentinel_")
    }
    user, _, password = credentials.rpartition(":") if ":" in credentials else ("", "", credentials)
    named = {"username": unquote(user), "password": unquote(password), "db": int(database or 0)}
    options |= {key: value for key, value in named.items() if value}
    if parts.scheme.startswith("rediss"):
        options["ssl"] = sentinel_options["ssl"] = True
    return _SentinelUrl(sentinels, service, options, sentinel_options)


def _host_and_port(text: str) -> tuple[str, int]:
    parsed = urlsplit(f"//{text}")
    if not parsed.hostname:
        raise ValueError("no host")
    return parsed.hostname, parsed.port or _SENTINEL_PORT


def _where(parts: SplitResult) -> str:
    """The address to show to people: without user, password and options."""
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = parts.hostname or "localhost"
    return f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path.rstrip('/')}"


def _why(error: Exception) -> str:
    """A short cause. Texts of redis-py hold addresses and server answers, no credentials."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200].rstrip(".")
