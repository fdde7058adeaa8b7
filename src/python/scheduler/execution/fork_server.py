"""The fork server: Django loaded once, one fork per run. Single-threaded; no gRPC, TLS or Redis.

Started by the launcher (``python -m scheduler.execution.fork_server CONFIG``), in a PID namespace
as its init where that is permitted. It has two lines: the worker's (starts, cancels and lease
deadlines in; events out) and the launcher's (says when the lease's end has cleared all runs).
When either closes it ends all runs, with their grace but never later than the run lease, and
then itself.

A run is over only when its whole tree is gone. Its process adopts the orphans among its
descendants; when it ends they become children of this process, which kills them as strays and
holds the run's exit back until they are reaped.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import django
from django.db import connections

from scheduler.domain.errors import SchedulerError
from scheduler.domain.values import (
    LaunchSpec,
    ProcessEvent,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    ResourceUse,
)
from scheduler.execution import linux, procfs, strength
from scheduler.execution.child import ChildSetup, become_run, open_standard_streams
from scheduler.execution.commands import CommandCatalog, WarmCommand
from scheduler.execution.running import LivingRun, RunTable
from scheduler.execution.strays import Strays
from scheduler.execution.strength import KillStrength
from scheduler.execution.wire import Line, decode_spec, encode_events

FORKS_PER_TURN = 8
"""Starts between two looks at deadlines and ends, however long the queue is."""


class ForkServer:
    """The loop. ``catalog`` resolves command names (``commands.CommandCatalog``)."""

    def __init__(
        self, worker: Line, guard: Line, catalog: CommandCatalog, config: dict[str, Any]
    ) -> None:
        self._worker, self._guard, self._catalog = worker, guard, catalog
        self._table, self._strays = RunTable(), Strays(procfs.children_of(os.getpid()))
        self._queue: deque[LaunchSpec] = deque()
        self._cold: deque[str] = deque()
        self._events: list[ProcessEvent] = []
        self._leaving = False
        self._cleared: float | None = None
        self._host_proc: tuple[int, int] | None = config.get("host_proc")
        self._cgroup = Path(config["cgroup"]) if config["cgroup"] else None
        self._timer = linux.open_timer()
        self._ended, self._ended_writer = linux.wake_on_child_end()
        self._selector = selectors.EpollSelector()
        for source, hear in (
            (self._worker, self._hear_worker),
            (self._guard, self._hear_guard),
            (self._ended, lambda: linux.drain(self._ended)),
            (self._timer, lambda: linux.drain(self._timer)),
        ):
            self._selector.register(source, selectors.EVENT_READ, hear)
        self._setup = ChildSetup(os.getpid(), self._own_fds(), config["rlimits"], self._cgroup)

    def serve(self) -> None:
        """Until the worker says stop or is gone, and every run is."""
        while not self._leaving or self._table or self._strays or self._worker.pending:
            for key, _ in self._selector.select(0 if self._queue or self._cold else None):
                key.data()
            self._start_some()
            self._warm_one()
            self._reap()
            self._enforce()
            self._report()

    # ------------------------------------------------------------------------------- hearing

    def _hear_worker(self) -> None:
        for message in self._worker.receive():
            match message:
                case ["launch", specs]:
                    self._queue.extend(map(decode_spec, specs))
                    if self._leaving:
                        self._refuse_queue()
                case ["warm", names]:
                    self._cold.extend(names)
                case ["cancel", run_ids]:
                    self._cancel({UUID(run_id) for run_id in run_ids})
                case ["deadline", at]:
                    self._table.renew(at, linux.boottime())
                case ["stop", grace]:
                    self._leave(grace)
        if self._worker.closed:
            self._selector.unregister(self._worker)
            self._leave(None)

    def _hear_guard(self) -> None:
        for message in self._guard.receive():
            if message == ["ping"]:
                self._guard.post(["pong"])
        if self._guard.closed:
            self._selector.unregister(self._guard)
            self._leave(None)

    def _cancel(self, run_ids: set[UUID]) -> None:
        waiting = [spec for spec in self._queue if spec.run_id in run_ids]
        for spec in waiting:
            self._queue.remove(spec)
            self._events.append(
                ProcessExited(spec.run_id, None, signal.SIGTERM, linux.boottime(), canceled=True)
            )
        self._signal(self._table.cancel(run_ids, linux.boottime()))

    def _leave(self, grace_limit: float | None) -> None:
        self._leaving = True
        self._refuse_queue()
        self._signal(self._table.end_all(linux.boottime(), grace_limit))

    def _refuse_queue(self) -> None:
        for spec in self._queue:
            why = "The worker stops; run it again."
            self._events.append(ProcessNotStarted(spec.run_id, why, blameless=True))
        self._queue.clear()

    # ------------------------------------------------------------------------------ starting

    def _start_some(self) -> None:
        for _ in range(min(FORKS_PER_TURN, len(self._queue))):
            spec = self._queue.popleft()
            try:
                self._start(spec)
            except SchedulerError as error:
                blameless = isinstance(error, LeaseOver)
                self._events.append(ProcessNotStarted(spec.run_id, str(error), blameless))
            except OSError as error:
                why = (
                    f"No process could be made ({error.strerror}); "
                    "see this host's limits on processes and memory."
                )
                self._events.append(ProcessNotStarted(spec.run_id, why))
            except Exception as error:
                # One odd order must not end this process, and with it every run.
                why = f"It could not be started ({type(error).__name__}: {error}); see the job."
                self._events.append(ProcessNotStarted(spec.run_id, why))

    def _start(self, spec: LaunchSpec) -> None:
        if self._table.lease_over(linux.boottime()):
            raise LeaseOver(spec.run_id)
        command = self._command_of(spec)
        pid = os.fork()
        if pid == 0:
            become_run(spec, command, self._setup)
        now = linux.boottime()
        self._table.add(LivingRun(spec, pid, now))
        self._events.append(ProcessStarted(spec.run_id, self._host_pid(pid), now))

    def _command_of(self, spec: LaunchSpec) -> WarmCommand | None:
        """The loaded command; None for one that a new interpreter shall load."""
        if spec.isolation == "exec":
            self._catalog.check(spec.argv[0])
            return None
        return self._catalog.resolve(spec.argv[0])

    def _warm_one(self) -> None:
        """Load a command that is wanted soon, when there is nothing else to do."""
        if self._cold and not self._queue:
            with suppress(SchedulerError):
                self._catalog.resolve(self._cold.popleft())

    def _host_pid(self, pid: int) -> int:
        return procfs.host_pid(pid, *self._host_proc) if self._host_proc else pid

    # ------------------------------------------------------------------------------- reaping

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                self._bury(found.si_pid)

    def _bury(self, pid: int) -> None:
        run = self._table.by_pid.get(pid)
        if run is None:
            os.waitpid(pid, 0)
            freed = self._strays.reaped(pid, self._unknown_children())
        else:
            event = self._last_rites(run)
            self._table.remove(pid)
            freed = self._strays.run_ended(event, self._unknown_children())
        for event in freed:
            self._events.append(event)
            if self._cgroup is not None:
                strength.remove_cgroup(self._cgroup / event.run_id.hex)

    def _last_rites(self, run: LivingRun) -> ProcessExited:
        """Kill what is left of the run's group while its pid still holds the group's number."""
        read, written = procfs.storage_bytes(run.pid)
        procfs.send_group(run.pid, signal.SIGKILL)
        if self._cgroup is not None:
            strength.kill_cgroup(self._cgroup / run.spec.run_id.hex)
        _, status, cost = os.wait4(run.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        use = ResourceUse(cost.ru_utime, cost.ru_stime, cost.ru_maxrss * 1024, read, written)
        return ProcessExited(
            run.spec.run_id,
            code if code >= 0 else None,
            -code if code < 0 else None,
            linux.boottime(),
            run.timed_out,
            run.canceled,
            run.lease_lost,
            use,
        )

    def _unknown_children(self) -> list[int]:
        """Children that are no runs: orphans of runs that ended. They are killed at once."""
        children = procfs.children_of(os.getpid())
        unknown = [pid for pid in children if pid not in self._table.by_pid]
        strays = self._strays.fresh(unknown)
        for pid in strays:
            procfs.send(pid, signal.SIGKILL)
        return strays

    # ----------------------------------------------------------------------------- enforcing

    def _enforce(self) -> None:
        now = linux.boottime()
        self._signal(self._table.due(now))
        deadline = self._table.deadline
        gone = self._table.lease_over(now) and not (self._table or self._strays)
        if gone and self._cleared != deadline:
            self._cleared = deadline
            self._guard.post(["cleared", deadline])
        due = [at for at in (self._table.next_due(), deadline) if at is not None and at > now]
        os.timerfd_settime(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=min(due, default=0.0))

    def _signal(self, signals: Iterable[tuple[int, int]]) -> None:
        for pid, number in signals:
            procfs.send_group(pid, number)

    def _report(self) -> None:
        if self._events:
            events, self._events = self._events, []
            self._worker.post(["events", encode_events(events)])
        if self._worker.closed:
            return
        wanted = selectors.EVENT_READ
        if not self._worker.flush():
            wanted |= selectors.EVENT_WRITE
        if self._selector.get_key(self._worker).events != wanted:
            self._selector.modify(self._worker, wanted, self._hear_worker)

    def _own_fds(self) -> Sequence[int]:
        fds = [self._worker.fileno(), self._guard.fileno(), self._selector.fileno()]
        fds += [self._timer, self._ended, self._ended_writer]
        return fds + ([self._host_proc[1]] if self._host_proc else [])


class LeaseOver(SchedulerError):
    """A start was asked for after the run lease's end."""

    code = "LEASE_OVER"

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        super().__init__(
            f"Run {run_id} was not started: its worker's lease has run out; it must join again."
        )


def _enter_namespace(config: dict[str, Any]) -> None:
    """Give runs a /proc that fits their pids, and keep the host's to tell operators its pids."""
    host_proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    config["host_proc"] = (int(os.readlink("self", dir_fd=host_proc)), host_proc)
    linux.enter_private_proc()


def _load_project() -> CommandCatalog:
    django.setup()
    connections.close_all()
    return CommandCatalog()


def _restore_environment(before: dict[str, str | None]) -> None:
    """Take back what was set for this process only, so that jobs do not inherit it."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def main() -> int:
    """Exit code 0 after an ordered end; 1 when the project cannot be loaded."""
    # Only the worker ends this process. Blocked, not ignored: a fork lifts the block when it has
    # dropped the server's handlers, so that a TERM for a run that is just being made is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    # Whatever the worker was started with (nohup): a run can be ended.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    config = json.loads(sys.argv[1])
    worker = Line(socket.socket(fileno=config["line_fd"]))
    guard = Line(socket.socket(fileno=config["guard_fd"]))
    os.dup2(2, 1)
    open_standard_streams()
    linux.adopt_orphans()
    linux.name_process("scheduler fork server", "sched-fork-srv")
    try:
        if config["strength"] == KillStrength.PID_NAMESPACE:
            _enter_namespace(config)
        _restore_environment(config["environ_before"])
        catalog = _load_project()
    except (Exception, SystemExit) as error:
        worker.send(["failed", f"{type(error).__name__}: {error}"])
        return 1
    gc.collect()
    gc.freeze()
    worker.post(["ready", os.getpid()])
    ForkServer(worker, guard, catalog, config).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
