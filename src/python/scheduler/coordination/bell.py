"""Wake-ups over Redis pub/sub. A lost ring is harmless: whoever listens also looks by itself."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic

import redis
import structlog
from redis.client import PubSub

from scheduler.coordination.connection import RedisConnection

_log = structlog.get_logger(__name__)

_MUTE_SECONDS = 1.0
_POLL_SECONDS = 0.5
_PROBE_SECONDS = 2.0
_SILENCE_SECONDS = 5.0
_RETRY_SECONDS = 0.25

type OnRing = Callable[[str], None]


class RedisBell:
    """The Bell over Redis pub/sub."""

    def __init__(self, connection: RedisConnection, prefix: str = "scheduler") -> None:
        self._connection = connection
        self._prefix = f"{prefix}:bell:"
        self._muted_until = 0.0

    def ring(self, topic: str) -> bool:
        """Never raises. After a failure it stays mute for a second, so that a ringing leader
        does not pay Redis' time limit again and again."""
        if monotonic() < self._muted_until:
            return False
        try:
            self._connection.client.publish(self._prefix + topic, "")
            return True
        except (redis.RedisError, OSError) as error:
            self._muted_until = monotonic() + _MUTE_SECONDS
            _log.debug("bell_mute", where=self._connection.where, error=str(error))
            return False

    def listen(self, topics: Iterable[str], on_ring: OnRing) -> "RedisListening":
        """Calls ``on_ring(topic)`` on a thread of its own until closed.

        It is called for every topic once after each (re-)subscription: what was rung while nobody
        could hear it is made up for so.
        """
        return RedisListening(self._connection, self._prefix, tuple(topics), on_ring)


class RedisListening:
    """A subscription that outlives restarts of Redis."""

    def __init__(
        self,
        connection: RedisConnection,
        prefix: str,
        topics: tuple[str, ...],
        on_ring: OnRing,
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._topics = topics
        self._on_ring = on_ring
        self._closing = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No ring is delivered after this returns, unless called by ``on_ring`` itself."""
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._hear()
            except (redis.RedisError, OSError) as error:
                self._note_away(error)
                self._closing.wait(_RETRY_SECONDS)

    def _hear(self) -> None:
        pubsub = self._connection.client.pubsub()  # type: ignore[no-untyped-call]
        try:
            pubsub.subscribe(*(self._prefix + topic for topic in self._topics))
            self._await_rings(pubsub)
        finally:
            pubsub.close()

    def _await_rings(self, pubsub: PubSub) -> None:
        heard = probed = monotonic()
        while not self._closing.is_set():
            message = pubsub.get_message(timeout=_POLL_SECONDS)
            now = monotonic()
            if message is not None:
                heard = now
                self._handle(message["type"], message["channel"])
            elif now - heard > _SILENCE_SECONDS:
                raise redis.ConnectionError("no answer to a probe")
            elif now - max(heard, probed) > _PROBE_SECONDS:
                # A dead peer sends no reset: only an unanswered question shows it.
                pubsub.ping()
                probed = now

    def _handle(self, kind: str, channel: str | None) -> None:
        if kind == "subscribe" or kind == "message":
            self._note_back()
            assert channel is not None
            self._deliver(channel.removeprefix(self._prefix))

    def _deliver(self, topic: str) -> None:
        try:
            self._on_ring(topic)
        except Exception:
            # One listener's fault must not make it deaf for good.
            _log.exception("bell_listener_failed", topic=topic)

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            _log.warning("bell_away", where=self._connection.where, error=str(error))

    def _note_back(self) -> None:
        if self._away:
            self._away = False
            _log.info("bell_back", where=self._connection.where)
