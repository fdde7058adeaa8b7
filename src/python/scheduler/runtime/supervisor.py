"""Owns the threads of one worker: each loop ticks its part, sleeps until the wake it named,
and is woken sooner by its bell. A failing tick is logged and tried again; it never ends a loop.
"""

from collections.abc import Callable
from threading import Event, Thread

import structlog

from scheduler.plugin_api.services import LoopPulse
from scheduler.ports import Clock

log = structlog.get_logger(__name__)

FAILED_TICK_SECONDS = 1.0


class Loop:
    """One thread that calls ``tick(now) -> next wake`` (boottimes) for as long as it runs."""

    def __init__(
        self, name: str, tick: Callable[[float], float], clock: Clock, wake: Event | None = None
    ) -> None:
        self.name, self._tick, self._clock = name, tick, clock
        self._wake = wake or Event()
        self._ending = False
        self._ticking_since: float | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def ask_to_end(self) -> None:
        """Have it stop after the tick under way, without waiting for that."""
        self._ending = True
        self._wake.set()

    def end(self, timeout_seconds: float = 5.0) -> bool:
        """Stop after the tick under way; whether it did within the limit. Also for a loop that was
        never started."""
        self.ask_to_end()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def pulse(self) -> LoopPulse:
        """How it goes now. Safe for threads; waits for nothing."""
        since = self._ticking_since
        busy = 0.0 if since is None else max(0.0, self._clock.boottime() - since)
        ended = self._thread.ident is not None and not self._thread.is_alive()
        return LoopPulse(self.name, busy, dead=ended and not self._ending)

    def _run(self) -> None:
        while not self._ending:
            self._wake.clear()
            now = self._ticking_since = self._clock.boottime()
            try:
                due_at = self._tick(now)
            except Exception:
                log.exception("loop_tick_failed", loop=self.name)
                due_at = now + FAILED_TICK_SECONDS
            self._ticking_since = None
            self._wake.wait(max(0.0, due_at - self._clock.boottime()))
