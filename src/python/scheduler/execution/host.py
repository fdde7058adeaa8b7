"""The worker's side: ``ProcessHost`` starts, ends and hears of the processes of runs.

Three processes: the worker (this code), its launcher, and the fork server that the launcher makes.
The worker speaks with the fork server directly; the launcher is the second guard (see there).
"""

import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from signal import SIGTERM
from threading import Lock, RLock
from uuid import UUID, uuid4

import structlog

from scheduler.domain.errors import SchedulerError
from scheduler.domain.values import (
    ForkServerLost,
    LaunchSpec,
    ProcessEvent,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
)
from scheduler.execution.launcher_process import LauncherProcess
from scheduler.execution.linux import boottime
from scheduler.execution.strength import KillStrength
from scheduler.execution.wire import Line, Message, decode_events, encode_spec

log = structlog.get_logger(__name__)

RESPAWN_FIRST_SECONDS, RESPAWN_MAX_SECONDS = 0.2, 30.0
STUCK_SECONDS = 90.0
"""Well above what the import of one command may take: the fork server is silent meanwhile."""

WARM_LIMIT = 1000
"""Names kept warm at most: they may come from anybody's definitions."""

HEALTHY_SECONDS = 10.0
"""A fork server that was ready for so long is replaced without a pause."""

STOP_SLACK_SECONDS = 5.0


class ForkServerNotReady(SchedulerError):
    """The fork server cannot load the project. ``reason`` is the project's own error."""

    code = "FORK_SERVER_NOT_READY"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The fork server cannot load the project ({reason}); "
            "correct it: the next try follows by itself."
        )


class ProcessHost:
    """Starts and ends the processes of one worker's runs; for use by several threads.

    One of them must call ``events`` again and again: it is also what replaces a lost launcher
    or fork server. Every run given to ``launch`` ends in exactly one of ProcessExited,
    ProcessNotStarted, or a ForkServerLost that names it.
    """

    def __init__(
        self,
        *,
        warm_commands: Sequence[str] = (),
        strength: KillStrength | None = None,
        rlimits: Mapping[str, int] | None = None,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self.mark = uuid4().hex
        """Stands in the environment of every process that this host started."""
        self._config = {
            "strength": strength,
            "rlimits": dict(rlimits or {}),
            "stuck_seconds": stuck_seconds,
        }
        self._sending, self._polling = Lock(), RLock()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._happened: deque[ProcessEvent] = deque()
        self._running: set[UUID] = set()
        self._backlog: list[LaunchSpec] = []
        self._warm = list(dict.fromkeys(warm_commands))
        self._deadline: float | None = None
        self._server: Line | None = None
        self._ready = self._stopping = self._stopped = False
        self._problem = ""
        self._respawn_at: float | None = None
        self._respawn_pause = RESPAWN_FIRST_SECONDS
        self._ready_since: float | None = None
        self._launcher_gone = False
        self.strength: KillStrength | None = None
        """How surely runs end if the fork server dies; known once the launcher has chosen."""
        self.server_pid = 0

    @classmethod
    def start(
        cls,
        *,
        warm_commands: Sequence[str] = (),
        strength: KillStrength | None = None,
        rlimits: Mapping[str, int] | None = None,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> "ProcessHost":
        """Start launcher and fork server; returns at once, before they are ready.

        ``warm_commands`` are loaded ahead, others on first use. ``strength`` None: the strongest
        this machine permits. ``rlimits``: names of the resource module (``RLIMIT_AS``) to bytes
        or counts, for each run. A fork server that is silent for ``stuck_seconds`` is replaced
        at the next renewal of the lease. The project is that of DJANGO_SETTINGS_MODULE.
        """
        host = cls(
            warm_commands=warm_commands,
            strength=strength,
            rlimits=rlimits,
            stuck_seconds=stuck_seconds,
        )
        host._start_launcher()
        return host

    # ---------------------------------------------------------------- called by the worker

    @property
    def launcher_pid(self) -> int:
        return self._launcher.pid

    @property
    def ready(self) -> bool:
        """True while a fork server with the project loaded takes starts."""
        return self._ready

    def wait_ready(self, timeout_seconds: float) -> bool:
        """Wait for ``ready``. Raises ForkServerNotReady when the project cannot be loaded."""
        until = time.monotonic() + timeout_seconds
        while not self._ready and (left := until - time.monotonic()) > 0:
            if self._problem:
                raise ForkServerNotReady(self._problem)
            with self._polling:
                self._poll(left)
        return self._ready

    def launch(self, specs: Sequence[LaunchSpec]) -> None:
        """Start runs in order; ``events`` tells the rest. TypeError, and no start, for no JSON."""
        with self._sending:
            if self._problem or self._stopping:
                self._refuse(specs)
            elif self._ready:
                self._tell_server(["launch", [encode_spec(spec) for spec in specs]])
            else:
                self._backlog.extend(specs)
            self._running.update(spec.run_id for spec in specs)
        self._wake()

    def warm(self, commands: Sequence[str]) -> None:
        """Have commands loaded when the fork server is next idle, and in each that follows it.

        Worth it for those that will be launched soon: the first run of one then starts at once.
        """
        with self._sending:
            fresh = [name for name in dict.fromkeys(commands) if name not in self._warm]
            fresh = fresh[: WARM_LIMIT - len(self._warm)]
            self._warm.extend(fresh)
            if fresh and self._ready:
                self._tell_server(["warm", fresh])

    def cancel(self, runs: Sequence[UUID]) -> None:
        """TERM to the groups of runs, KILL after each one's grace. Unknown runs are ignored."""
        with self._sending:
            waiting = {spec.run_id for spec in self._backlog}.intersection(runs)
            self._backlog = [spec for spec in self._backlog if spec.run_id not in waiting]
            self._happened.extend(
                ProcessExited(run_id, None, SIGTERM, boottime(), canceled=True)
                for run_id in waiting
            )
            self._tell_server(["cancel", [run_id.hex for run_id in runs]])
        self._wake()

    def set_deadline(self, boottime: float) -> None:
        """The run lease's end, in seconds of CLOCK_BOOTTIME: all runs are dead by then, whatever
        becomes of this process. TERM comes each run's grace earlier."""
        with self._sending:
            self._deadline = boottime
            self._launcher.tell(["deadline", boottime])
            self._tell_server(["deadline", boottime])

    def events(self, timeout_seconds: float) -> list[ProcessEvent]:
        """All that happened since the last call, in order; waits for something until then."""
        until = time.monotonic() + timeout_seconds
        with self._polling:
            self._poll(0)
            while not (self._happened or self._stopping) and (left := until - time.monotonic()) > 0:
                self._poll(left)
            events = [self._happened.popleft() for _ in range(len(self._happened))]
            with self._sending:
                self._running.difference_update(_ended(events))
        if self._stopped and not events:
            time.sleep(timeout_seconds)
        return events

    def running(self) -> frozenset[UUID]:
        """Runs given to ``launch`` whose end ``events`` has not yet returned."""
        with self._sending:
            return frozenset(self._running)

    def stop(self, grace_seconds: float) -> None:
        """End all runs (TERM, at most this grace, KILL), fork server and launcher.

        Their last events can still be read by ``events``. No process is left.
        """
        self._stopping = True
        self._wake()
        with self._polling:
            with self._sending:
                self._refuse(self._backlog)
                self._backlog = []
                self._tell_server(["stop", grace_seconds])
            self._await_end(time.monotonic() + grace_seconds + STOP_SLACK_SECONDS)
            self._end_launcher()
            self._lose_server()
            self._stopped = True

    # ---------------------------------------------------------------------------- launcher

    def _start_launcher(self) -> None:
        self._launcher, self._launcher_gone = LauncherProcess(self.mark, self._config), False
        self._spawn()

    def _end_launcher(self) -> None:
        left = self._launcher.end()
        if left:
            log.error("processes_will_not_die", pids=left)

    def _launcher_lost(self) -> None:
        """Without its launcher a fork server is not trusted: end all, and begin again."""
        log.error("launcher_lost", launcher_pid=self._launcher.pid)
        self._end_launcher()
        self._lose_server()
        self._launcher_gone = True
        self._respawn_later()

    # ------------------------------------------------------------------------- fork server

    def _spawn(self) -> None:
        """Ask the launcher for a fork server, and give it the line on which to hear us."""
        mine, theirs = socket.socketpair()
        self._server, self._respawn_at = Line(mine), None
        with theirs:
            self._launcher.spawn(theirs)
            if self._deadline is not None:
                self._launcher.tell(["deadline", self._deadline])
                self._tell_server(["deadline", self._deadline])

    def _lose_server(self) -> None:
        """Nothing of the fork server is left: hear its last words, and report its runs."""
        if self._server is None:
            return
        self._hear_server(self._server)
        with self._sending:
            self._server.close()
            self._server, self._ready = None, False
            told = _ended(self._happened) | {spec.run_id for spec in self._backlog}
            lost = tuple(sorted(self._running - told))
        if lost:
            self._happened.append(ForkServerLost(lost))

    def _server_lost(self, how: str, left: Sequence[int]) -> None:
        log.error("fork_server_lost", how=how, pids_left=list(left), reason=self._problem)
        self._lose_server()
        self._respawn_later()

    def _respawn_later(self) -> None:
        """At once after a healthy life; else after a pause that doubles each time."""
        now = time.monotonic()
        healthy = self._ready_since is not None and now - self._ready_since > HEALTHY_SECONDS
        self._ready_since = None
        if healthy:
            self._respawn_pause = RESPAWN_FIRST_SECONDS
        self._respawn_at = now + (0.0 if healthy else self._respawn_pause)
        self._respawn_pause = min(self._respawn_pause * 2, RESPAWN_MAX_SECONDS)

    def _respawn(self) -> None:
        try:
            with self._sending:
                if self._launcher_gone:
                    self._start_launcher()
                else:
                    self._spawn()
        except OSError as error:
            log.error("fork_server_not_made", reason=str(error))
            self._respawn_later()

    def _server_ready(self) -> None:
        log.info("fork_server_ready", server_pid=self.server_pid, kill_strength=self.strength)
        self._ready_since = time.monotonic()
        with self._sending:
            self._ready, self._problem = True, ""
            backlog, self._backlog = self._backlog, []
            if backlog:
                self._tell_server(["launch", [encode_spec(spec) for spec in backlog]])
            if self._warm:
                self._tell_server(["warm", self._warm])

    def _tell_server(self, message: Message) -> None:
        """Send to the fork server, if there is one; what it does not take at once waits here."""
        if self._server is not None:
            self._server.post(message)
            if self._server.pending:
                self._wake()

    # ----------------------------------------------------------------------------- hearing

    def _poll(self, timeout_seconds: float) -> None:
        """Hear what has come, waiting for something for so long."""
        if self._stopped:
            return
        if self._respawn_at is not None and not self._stopping:
            wait = self._respawn_at - time.monotonic()
            if wait <= 0:
                self._respawn()
            else:
                timeout_seconds = min(timeout_seconds, wait)
        with selectors.PollSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            for line in (self._server, self._launcher.line):
                if line is not None and not line.closed:
                    waits = selectors.EVENT_WRITE if line.pending else 0
                    selector.register(line, selectors.EVENT_READ | waits)
            selector.select(max(0.0, timeout_seconds))
        with suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)
        with self._sending:
            if self._server is not None:
                self._server.flush()
        self._hear_launcher()
        if self._server is not None:
            self._hear_server(self._server)

    def _hear_server(self, server: Line) -> None:
        for message in server.receive():
            match message:
                case ["events", rows]:
                    self._happened.extend(decode_events(rows))
                case ["ready", _]:
                    self._server_ready()
                case ["failed", why]:
                    self._problem = why
                    with self._sending:
                        refused, self._backlog = self._backlog, []
                        self._refuse(refused)

    def _hear_launcher(self) -> None:
        for message in self._launcher.line.receive():
            match message:
                case ["spawned", pid, strength]:
                    self.server_pid, self.strength = pid, KillStrength(strength)
                case ["lost", how, left] if not self._stopping:
                    self._server_lost(how, left)
                case ["lost", *_]:
                    self._lose_server()
                case ["refused", why]:
                    self._problem = why
        if self._launcher.line.closed and not self._stopping:
            refused = self._problem and self.strength is None
            if not refused and not self._launcher_gone:
                self._launcher_lost()

    def _await_end(self, until: float) -> None:
        while (
            self._server is not None
            and not self._launcher.line.closed
            and (left := until - time.monotonic()) > 0
        ):
            self._poll(left)

    def _refuse(self, specs: Sequence[LaunchSpec]) -> None:
        why = str(ForkServerNotReady(self._problem)) if self._problem else "The worker stops."
        unready = bool(self._problem)
        self._happened.extend(ProcessNotStarted(spec.run_id, why, not unready) for spec in specs)

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake_writer, b"x")


def _ended(events: Sequence[ProcessEvent] | deque[ProcessEvent]) -> set[UUID]:
    """The runs whose end these events tell."""
    ended: set[UUID] = set()
    for event in events:
        if isinstance(event, ForkServerLost):
            ended.update(event.run_ids)
        elif not isinstance(event, ProcessStarted):
            ended.add(event.run_id)
    return ended
