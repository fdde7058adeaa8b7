"""Heartbeats of workers: news for operators and a hint for the leader, never a lease."""

import json
from dataclasses import asdict, fields
from typing import Any

from scheduler.coordination.connection import RedisConnection
from scheduler.ports import Heartbeat

_BEAT = """
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
"""

# Forgets a worker and reads the rest in one step, so that no beat in between is lost.
_ALL = """
local found = {}
for _, worker_id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local beat = redis.call('GET', ARGV[1] .. worker_id)
  if beat then
    table.insert(found, beat)
  else
    redis.call('SREM', KEYS[1], worker_id)
  end
end
return found
"""

_NAMES = frozenset(field.name for field in fields(Heartbeat))


class RedisPresence:
    """The Presence in Redis. Every method may raise RedisUnavailable."""

    def __init__(self, connection: RedisConnection, prefix: str = "scheduler") -> None:
        self._connection = connection
        self._index_key = f"{prefix}:workers"
        self._beat_prefix = f"{prefix}:worker:"
        self._beat = connection.client.register_script(_BEAT)
        self._all = connection.client.register_script(_ALL)

    def beat(self, heartbeat: Heartbeat, ttl_seconds: float) -> None:
        """Be seen for ``ttl_seconds`` from now."""
        keys = [self._beat_prefix + heartbeat.worker_id, self._index_key]
        args: list[str | int] = [heartbeat.worker_id, json.dumps(asdict(heartbeat))]
        args.append(max(1, round(ttl_seconds * 1000)))
        with self._connection.guarded():
            self._beat(keys=keys, args=args)

    def all(self) -> list[Heartbeat]:
        """Those seen, by worker id. Entries that another version wrote and this one cannot read
        are left out; fields that are new to this version are dropped."""
        with self._connection.guarded():
            texts = self._all(keys=[self._index_key], args=[self._beat_prefix])
        beats = [beat for beat in map(_heartbeat, texts) if beat is not None]
        return sorted(beats, key=lambda beat: beat.worker_id)

    def gone(self, worker_id: str) -> None:
        """No longer be seen, at once."""
        with self._connection.guarded() as client:
            client.delete(self._beat_prefix + worker_id)
            client.srem(self._index_key, worker_id)


def _heartbeat(text: str) -> Heartbeat | None:
    try:
        data: dict[str, Any] = json.loads(text)
        return Heartbeat(**{name: data[name] for name in _NAMES})
    except (ValueError, KeyError, TypeError):
        return None
