"""The bell over LISTEN/NOTIFY of the RDB: wake-ups where Redis is away."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic

import psycopg
import structlog

from scheduler.ports import Bell, Listening
from scheduler.store.postgres import PostgresDatabase, first_line
from scheduler.store.sessions import Database

log = structlog.get_logger(__name__)

CHANNEL = "scheduler_bell"
MUTE_SECONDS = 1.0
RECONNECT_SECONDS = 1.0
LOOK_UP_SECONDS = 1.0

OnRing = Callable[[str], None]


def bell_for(database: Database) -> Bell:
    """The bell of this database; on SQLite one that nobody hears: there, polling does it."""
    return NotifyBell(database) if isinstance(database, PostgresDatabase) else SilentBell()


class SilentBell:
    """Implements ``ports.Bell`` where there is none."""

    def ring(self, topic: str) -> bool:
        return False

    def listen(self, topics: Iterable[str], on_ring: OnRing) -> Listening:
        return _Nothing()


class _Nothing:
    def close(self) -> None:
        """There is nothing to close."""


class NotifyBell:
    """Implements ``ports.Bell`` over PostgreSQL. Safe for threads."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._muted_until = 0.0

    def ring(self, topic: str) -> bool:
        """Never raises. After a failure it stays mute for a second, so that whoever rings does
        not wait for a dead database again and again."""
        with self._lock:
            if monotonic() < self._muted_until:
                return False
            try:
                self._notify(topic)
            except psycopg.Error as error:
                self._muted_until = monotonic() + MUTE_SECONDS
                self._connection = None
                log.warning("bell_not_rung", topic=topic, reason=first_line(error))
                return False
            return True

    def listen(self, topics: Iterable[str], on_ring: OnRing) -> Listening:
        """Calls ``on_ring(topic)`` on a thread of its own until closed; for every topic once
        after each (re-)connection too: what was rung while nobody heard it is made up for so."""
        return NotifyListening(self._database, tuple(topics), on_ring)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _notify(self, topic: str) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect("bell")
        self._connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])


class NotifyListening:
    """A LISTEN that outlives restarts of the RDB."""

    def __init__(
        self, database: PostgresDatabase, topics: tuple[str, ...], on_ring: OnRing
    ) -> None:
        self._database, self._topics, self._on_ring = database, topics, on_ring
        self._closing = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="bell-notify", daemon=True)
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
            except psycopg.Error as error:
                self._note_away(error)
                self._closing.wait(RECONNECT_SECONDS)

    def _hear(self) -> None:
        with self._database.connect("bell") as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._away = False
            for topic in self._topics:
                self._deliver(topic)
            while not self._closing.is_set():
                for notice in connection.notifies(timeout=LOOK_UP_SECONDS):
                    self._deliver(notice.payload)
                    if self._closing.is_set():
                        return

    def _deliver(self, topic: str) -> None:
        if topic not in self._topics:
            return
        try:
            self._on_ring(topic)
        except Exception:
            # One listener's fault must not make it deaf for good.
            log.exception("bell_listener_failed", topic=topic)

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("bell_unheard", where=self._database.where, reason=first_line(error))
