"""The launcher: makes the fork server, watches it, and cleans up behind it. No Django in here.

Started by exec for each worker (``python -m scheduler.execution.launcher CONFIG``). It sleeps
unless something ends:

- the fork server ends: kill and reap every process it left, tell the worker;
- the worker ends (its line closes): the fork server sees the same and ends its runs with their
  grace; the launcher stays until that is done, and makes it so at the run lease's end;
- the run lease ends and the fork server does not say that its runs are gone: kill it.

Only the worker asks for a new fork server, and gives it its line.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from scheduler.domain.errors import SchedulerError
from scheduler.execution import linux, procfs, strength
from scheduler.execution.strength import KillStrength
from scheduler.execution.wire import Line, Message

GUARD_SLACK_SECONDS = 0.5
"""How long after the run lease's end the fork server may still be reaping."""

ORPHANED_LIMIT_SECONDS = 60.0
"""How long runs may take to end after the worker's death where no lease was ever set."""

CLEANUP_SECONDS = 10.0
"""How long killed processes may take to vanish before the worker is told which stay."""

REAP_PAUSE_SECONDS = 0.002

WARM_MEMORY = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Environment of the fork server: huge pages make its page tables, and so each fork, cheap."""


class Launcher:
    """``config`` is the worker's: see ``host.ProcessHost``."""

    def __init__(self, worker: Line, config: dict[str, Any]) -> None:
        self._worker, self._config = worker, config
        self._guard: Line | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._deadline: float | None = None
        self._cleared: float | None = None
        self._made_at = 0.0
        self._asked_at: float | None = None
        self._give_up_at: float | None = None
        wanted = config["strength"]
        self._strength = strength.choose(KillStrength(wanted) if wanted else None)
        self._cgroup = self._make_cgroup()
        self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._timer = linux.open_timer()
        self._selector = selectors.DefaultSelector()
        self._ended, _ = linux.wake_on_child_end()
        self._selector.register(self._worker, selectors.EVENT_READ, self._hear_worker)
        self._selector.register(self._ended, selectors.EVENT_READ, self._child_ended)
        self._selector.register(self._timer, selectors.EVENT_READ, lambda: linux.drain(self._timer))

    def run(self) -> None:
        """Until the worker is gone and nothing of it is left."""
        while self._server is not None or not self._worker.closed:
            for key, _ in self._selector.select():
                key.data()
            self._guard_lease()
            self._arm_timer()
        if self._cgroup is not None:
            strength.remove_cgroup(self._cgroup)

    # ------------------------------------------------------------------------------- hearing

    def _hear_worker(self) -> None:
        for message in self._worker.receive():
            match message:
                case ["spawn"]:
                    line_fd = self._worker.fds.popleft()
                    os.set_inheritable(line_fd, False)
                    self._spawn(line_fd)
                case ["deadline", at]:
                    self._deadline = at
                    self._ask_server()
        if self._worker.closed:
            self._selector.unregister(self._worker)
            limit = linux.boottime() + ORPHANED_LIMIT_SECONDS
            self._give_up_at = limit if self._deadline is None else self._deadline

    def _hear_server(self) -> None:
        assert self._guard is not None
        for message in self._guard.receive():
            match message:
                case ["cleared", at]:
                    self._cleared = at
                case ["pong"]:
                    self._asked_at = None
        if self._guard.closed:
            self._selector.unregister(self._guard)

    def _child_ended(self) -> None:
        linux.drain(self._ended)
        if self._server is not None and self._server.poll() is not None:
            self._bury_server(self._server.returncode)
        else:
            self._reap_orphans()

    def _ask_server(self) -> None:
        """With each renewal of the lease, ask the fork server whether it is still at its loop.

        On the clock that stands still with the machine: a suspended fork server is not stuck.
        """
        if self._server is None or self._guard is None:
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._guard.post(["ping"])
        elif time.monotonic() - self._asked_at > self._config["stuck_seconds"]:
            self._server.kill()

    # ------------------------------------------------------------------------ the fork server

    def _spawn(self, line_fd: int) -> None:
        mine, theirs = socket.socketpair()
        with theirs:
            fds = (line_fd, theirs.fileno())
            try:
                self._server = self._start_server(*fds)
            except OSError as error:
                mine.close()
                self._tell(["lost", f"the fork server cannot be started: {error}", []])
                return
            finally:
                os.close(line_fd)
        self._guard, self._made_at, self._asked_at = Line(mine), linux.boottime(), None
        self._selector.register(self._guard, selectors.EVENT_READ, self._hear_server)
        self._tell(["spawned", self._server.pid, self._strength])

    def _start_server(self, line_fd: int, guard_fd: int) -> subprocess.Popen[bytes]:
        config = {
            **self._config,
            "line_fd": line_fd,
            "guard_fd": guard_fd,
            "strength": self._strength,
            "cgroup": str(self._cgroup) if self._cgroup else None,
        }
        command = [sys.executable, "-P", "-m", "scheduler.execution.fork_server"]
        in_namespace = self._strength is KillStrength.PID_NAMESPACE
        if in_namespace:
            os.unshare(os.CLONE_NEWPID)
        try:
            return subprocess.Popen(
                [*command, json.dumps(config)],
                pass_fds=(line_fd, guard_fd),
                env={**os.environ, **WARM_MEMORY},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            if in_namespace:
                # The kernel allows one unshare per process; coming back allows the next.
                os.setns(self._own_pid_namespace, os.CLONE_NEWPID)

    def _bury_server(self, code: int) -> None:
        left = self._kill_leftovers()
        if self._guard is not None:
            with suppress(KeyError):
                self._selector.unregister(self._guard)
            self._guard.close()
        self._server = self._guard = None
        self._tell(["lost", _describe(code), left])

    def _kill_leftovers(self) -> list[int]:
        """End all that the fork server left behind; returns pids that would not vanish."""
        until = linux.boottime() + CLEANUP_SECONDS
        if self._cgroup is not None:
            strength.kill_cgroup(self._cgroup)
        while (orphans := procfs.children_of(os.getpid())) and linux.boottime() < until:
            for pid in orphans:
                procfs.send(pid, signal.SIGKILL)
            self._reap_orphans()
            time.sleep(REAP_PAUSE_SECONDS)
        if self._strength is not KillStrength.PID_NAMESPACE:
            orphans = procfs.kill_marked(self._config["marker"], CLEANUP_SECONDS)
        return orphans

    def _reap_orphans(self) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and (
                self._server is None or found.si_pid != self._server.pid
            ):
                os.waitpid(found.si_pid, 0)

    # -------------------------------------------------------------------------------- the lease

    def _guard_lease(self) -> None:
        at = self._guard_at()
        if self._server is not None and at is not None and linux.boottime() >= at:
            self._server.kill()
            self._deadline = self._give_up_at = None

    def _guard_at(self) -> float | None:
        times = [] if self._give_up_at is None else [self._give_up_at]
        # One made after the lease's end refuses to start anything: there is nothing to clear.
        end = self._deadline
        if end is not None and end != self._cleared and end > self._made_at:
            times.append(end)
        return min(times) + GUARD_SLACK_SECONDS if times else None

    def _arm_timer(self) -> None:
        at = self._guard_at() if self._server is not None else None
        os.timerfd_settime(self._timer, flags=os.TFD_TIMER_ABSTIME, initial=at or 0.0)

    def _tell(self, message: Message) -> None:
        with suppress(OSError):
            self._worker.send(message)

    def _make_cgroup(self) -> Path | None:
        if self._strength is not KillStrength.CGROUP:
            return None
        parent = strength.own_cgroup()
        assert parent is not None
        for old in parent.glob(f"scheduler-{self._config['marker']}-*"):
            strength.remove_cgroup(old)
        folder = parent / f"scheduler-{self._config['marker']}-{os.getpid()}"
        folder.mkdir()
        return folder


def _describe(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def main() -> int:
    """Exit code 0 once the worker is gone; 2 when the worker's wishes cannot be met."""
    # Only the worker ends us. Blocked, not ignored: runs begin with untouched handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    config = json.loads(sys.argv[1])
    worker = Line(socket.socket(fileno=config.pop("launcher_fd")), takes_fds=True)
    linux.adopt_orphans()
    linux.name_process("scheduler launcher", "sched-launcher")
    try:
        launcher = Launcher(worker, config)
    except SchedulerError as error:
        worker.send(["refused", str(error)])
        return 2
    launcher.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
