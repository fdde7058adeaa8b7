"""The bell of a process that is no worker: the web process, a command."""

from functools import cache

from scheduler.coordination.bell import RedisBell
from scheduler.coordination.connection import RedisConnection
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.ports import Bell


@cache
def redis_bell(url: str) -> Bell:
    """The bell over this Redis, made once. It connects at its first ring, and never raises: where
    Redis is away it is mute for a second at a time, and NOTIFY (PostgreSQL) or polling does it.

    Raises InvalidSetting for a URL that is none."""
    return RedisBell(RedisConnection(url, connect_seconds=0.2, answer_seconds=0.5))


def ring_of(settings: CoreSettings) -> Bell:
    """The bell that these settings name, to hand ``.ring`` to a request."""
    return redis_bell(settings.redis_url.get_secret_value())
