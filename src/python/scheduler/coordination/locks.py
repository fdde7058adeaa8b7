"""``scheduler:leader:lock``: the fast gate and the bell of the election, never its authority.

The value is JSON, ``{"worker_id": ..., "epoch": ..., "beats": ...}``, with a time to live. It is
changed by the scripts below alone, so that each change looks and acts in one step. The epoch in
it is 0 while its holder has only passed the gate and has bumped nothing yet.
"""

from typing import Any

from scheduler.coordination.connection import RedisConnection
from scheduler.ports import LockView

_READ = """
local text = redis.call('GET', KEYS[1])
local held = text and cjson.decode(text)
local function put(beats)
  local value = {worker_id = ARGV[1], epoch = tonumber(ARGV[3]), beats = beats}
  redis.call('SET', KEYS[1], cjson.encode(value), 'PX', ARGV[2])
  return 1
end
"""

_ACQUIRE = (
    _READ
    + """
if not held then
  return put(0)
end
if held.worker_id == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
return 0
"""
)

_REPLACE = (
    _READ
    + """
if not held or held.epoch < tonumber(ARGV[3]) then
  return put(0)
end
if held.worker_id == ARGV[1] and held.epoch == tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
return 0
"""
)

_RENEW = (
    _READ
    + """
if not held then
  return put(1)
end
if held.worker_id == ARGV[1] and held.epoch <= tonumber(ARGV[3]) then
  return put(held.beats + 1)
end
return 0
"""
)

_RELEASE = """
local text = redis.call('GET', KEYS[1])
if text and cjson.decode(text).worker_id == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""

_VIEW = """
local text = redis.call('GET', KEYS[1])
if not text then
  return {'', '0', '0'}
end
local held = cjson.decode(text)
return {held.worker_id, tostring(held.epoch), tostring(held.beats)}
"""

_RAISE = """
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > known then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 0
"""


class RedisLeaderLock:
    """The LeaderLock in Redis. Every method may raise RedisUnavailable.

    ``prefix`` keeps clusters apart that share one Redis.
    """

    def __init__(self, connection: RedisConnection, prefix: str = "scheduler") -> None:
        self._connection = connection
        self._lock_key = f"{prefix}:leader:lock"
        self._epoch_key = f"{prefix}:leader:epoch"
        register = connection.client.register_script
        self._acquire = register(_ACQUIRE)
        self._replace = register(_REPLACE)
        self._renew = register(_RENEW)
        self._release = register(_RELEASE)
        self._view = register(_VIEW)
        self._raise = register(_RAISE)

    def acquire(self, worker_id: str, ttl_seconds: float) -> bool:
        """The gate before a bump. True when I hold it now, or held it already (its time to live
        begins anew then, its epoch stays)."""
        return bool(self._run(self._acquire, worker_id, _milliseconds(ttl_seconds), 0))

    def replace(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        """After a bump to ``epoch``: take the lock where it is free or its holder's epoch is
        older. False where a holder has this epoch (and is not me) or a newer one."""
        return bool(self._run(self._replace, worker_id, _milliseconds(ttl_seconds), epoch))

    def renew(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        """Renew what I hold, and set it again where Redis came back empty. False when another
        holds it: whether that one leads is for the RDB to say."""
        return bool(self._run(self._renew, worker_id, _milliseconds(ttl_seconds), epoch))

    def release(self, worker_id: str) -> None:
        """Free the lock if I hold it, else nothing."""
        self._run(self._release, worker_id)

    def view(self) -> LockView:
        holder, epoch, beats = self._run(self._view)
        return LockView(holder or None, int(epoch), int(beats))

    def mirror_epoch(self, epoch: int) -> None:
        """Raise the mirror to ``epoch``; it never falls, and has no time to live."""
        with self._connection.guarded():
            self._raise(keys=[self._epoch_key], args=[epoch])

    def mirrored_epoch(self) -> int:
        """The highest epoch mirrored since Redis last lost its data; 0 when none."""
        with self._connection.guarded() as client:
            return int(client.get(self._epoch_key) or 0)

    def _run(self, script: Any, *args: str | int) -> Any:
        with self._connection.guarded():
            return script(keys=[self._lock_key], args=args)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
