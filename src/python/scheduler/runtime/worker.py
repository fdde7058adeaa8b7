"""One running worker: its threads, its start and its end.

::

    start: process host (before any thread) -> gRPC server -> lease -> all loops
    stop (first signal):  hand over, refuse new runs, let runs end, tell plugins, leave
    stop (second signal): end the runs too (they are orphaned and tried elsewhere), leave
"""

from collections.abc import Callable
from threading import Event, Thread

import structlog

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.plugin_api.services import LoopPulse
from scheduler.ports import Listening
from scheduler.runtime.parts import Parts
from scheduler.runtime.supervisor import Loop

log = structlog.get_logger(__name__)

HOST_POLL_SECONDS = 1.0
DRAIN_POLL_SECONDS = 0.1
HAND_OVER_SECONDS = 5.0
KILL_SECONDS = 10.0


class Worker:
    """Runs the parts on threads until told to stop. ``more_loops`` are those of the composer
    (salvage, plugin feeds). ``started`` is called when all loops run, ``stopping`` when the runs
    have ended and the lease is still held; neither raises, and both are bounded in time."""

    def __init__(
        self,
        parts: Parts,
        more_loops: Callable[[Parts], list[Loop]] = lambda parts: [],
        started: Callable[[], None] = lambda: None,
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        self._parts = parts
        self._started, self._stopping = started, stopping
        self._ended = Event()
        self._stop = Event()
        self._hurry = Event()
        clock = parts.adapters.clock
        self._lease_loop = Loop("lease", parts.lease.tick, clock)
        self._agent_loop = Loop("agent", parts.agent.tick, clock, parts.agent_wake)
        self._leader_loop = Loop("leadership", parts.leadership.tick, clock, parts.leader_wake)
        self._vital_loops = [
            self._lease_loop,
            self._agent_loop,
            self._leader_loop,
            Loop("beats", parts.beater.tick, clock),
            Loop("pings", parts.pinger.tick, clock),
        ]
        self._loops = [
            *self._vital_loops,
            Loop("presence", parts.presence.tick, clock),
            Loop("settings", parts.reloader.tick, clock),
            *more_loops(parts),
        ]
        self._events = Thread(target=self._read_events, name="process-events", daemon=True)
        self._listening: Listening | None = None

    def request_stop(self) -> None:
        """First call: hand over, drain, leave. Second call: end the runs too. Signal-safe."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    def pulses(self) -> tuple[LoopPulse, ...]:
        """How the loops go without which this worker does not do its work. Safe for threads."""
        return tuple(loop.pulse() for loop in self._vital_loops)

    def run(self) -> None:
        """Start everything; return after a stop was requested and carried out."""
        self._events.start()
        for loop in self._loops:
            loop.start()
        parts = self._parts
        self._listening = parts.adapters.bell.listen(parts.topics, parts.rang)
        self._started()
        self._stop.wait()
        self._shut_down()

    def _read_events(self) -> None:
        """A worker that no longer hears how its runs end stops: they are tried elsewhere."""
        try:
            while not self._ended.is_set():
                events = self._parts.adapters.host.events(HOST_POLL_SECONDS)
                if events:
                    self._parts.agent.happened(events)
        except Exception:
            log.exception("process_events_lost", worker_id=self._parts.member.worker_id)
            self._hurry.set()
            self._stop.set()

    def _shut_down(self) -> None:
        parts, clock = self._parts, self._parts.adapters.clock
        log.info("worker_stopping", worker_id=parts.member.worker_id)
        parts.member.stopping = True
        parts.leadership.hand_over("this worker is stopping")
        deadline = clock.boottime() + HAND_OVER_SECONDS
        while parts.leadership.term is not None and clock.boottime() < deadline:
            self._hurry.wait(0.01)
        parts.agent.check_now()
        while not parts.agent.idle() and not self._hurry.wait(DRAIN_POLL_SECONDS):
            pass
        self._end_runs()
        self._stopping()
        for loop in self._loops:
            loop.end()
        self._leave()
        self._ended.set()
        if self._listening is not None:
            self._listening.close()
        log.info("worker_stopped", worker_id=parts.member.worker_id)

    def _end_runs(self) -> None:
        parts, clock = self._parts, self._parts.adapters.clock
        if parts.agent.idle():
            return
        log.warning("runs_ended_by_stop", count=len(parts.agent.running()))
        parts.lease.end_runs(clock.boottime())
        deadline = clock.boottime() + KILL_SECONDS
        while not parts.agent.idle() and clock.boottime() < deadline:
            self._agent_loop.wake()
            self._ended.wait(DRAIN_POLL_SECONDS)

    def _leave(self) -> None:
        """Give the lease back, if nothing of it is left: else only its end may free the runs."""
        parts = self._parts
        left = bool(parts.adapters.host.running()) or not parts.agent.idle()
        if left:
            log.warning("lease_left_to_run_out", worker_id=parts.member.worker_id)
        try:
            if parts.member.joined and not left:
                parts.lease.leave()
        except DatabaseUnavailable as error:
            log.warning("lease_not_left", reason=str(error))
        self._parts.presence.leave()
