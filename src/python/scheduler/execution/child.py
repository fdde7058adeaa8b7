"""What a fresh fork does to become a run: its own session, log, limits, environment; then the job.

Nothing here returns to the fork server's loop: whatever happens, the process ends.
"""

import atexit
import io
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from scheduler.domain.values import LaunchSpec
from scheduler.execution import linux, logs, strength
from scheduler.execution.commands import WarmCommand, reseed_random

EXIT_BY_EXCEPTION = 1


@dataclass(frozen=True, slots=True)
class ChildSetup:
    """What every run of a fork server shares."""

    server_pid: int
    close_fds: Sequence[int]
    rlimits: Mapping[str, int]
    cgroup: Path | None


class LogStream(io.RawIOBase):
    """Standard output or error of a run. A full disk loses output; it must not fail the job."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, data: Any) -> int:
        try:
            return os.write(self._fd, data)
        except OSError as error:
            if error.errno in logs.NO_ROOM:
                return len(data)
            raise


def open_standard_streams() -> None:
    """Put ``sys.stdout`` and ``sys.stderr`` on fds 1 and 2: UTF-8, a line at a time.

    Done once in the fork server, so that commands and logging handlers made there write to
    whatever these fds are in each run.
    """
    sys.stdout, sys.stderr = _text_stream(1), _text_stream(2)


def _text_stream(fd: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(LogStream(fd)),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )


def become_run(spec: LaunchSpec, command: WarmCommand | None, setup: ChildSetup) -> NoReturn:
    """Turn this fork into the run; ends the process with the job's exit code."""
    code = EXIT_BY_EXCEPTION
    try:
        _prepare(spec, setup)
        if command is None:
            _exec(spec)
        code = _run(command, spec.argv[1:])
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(code)


def _prepare(spec: LaunchSpec, setup: ChildSetup) -> None:
    os.setsid()
    linux.die_with_parent()
    if os.getppid() != setup.server_pid:
        os._exit(EXIT_BY_EXCEPTION)
    linux.adopt_orphans()
    if setup.cgroup is not None:
        folder = setup.cgroup / spec.run_id.hex
        folder.mkdir()
        strength.enter_cgroup(folder)
    for fd in setup.close_fds:
        os.close(fd)
    logs.redirect_to_log(spec.log_path)
    _reset_signals()
    for name, limit in setup.rlimits.items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    os.environ.update(spec.env)
    if "TZ" in spec.env:
        time.tzset()
    reseed_random()
    job = spec.env.get("SCHEDULER_JOB_NAME", spec.argv[0])
    linux.name_process(f"scheduler run {job} {spec.run_id}", "sched-run")


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Blocked until here, so that a TERM sent in between is not lost but strikes now.
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def _exec(spec: LaunchSpec) -> NoReturn:
    """``isolation: exec``: a cold interpreter in the same session, log and limits."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    env = {"PYTHONUNBUFFERED": "1", **os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "django", *spec.argv], env)  # noqa: S606


def _run(command: WarmCommand, args: Sequence[str]) -> int:
    """Run the command and what a Python process does at its end; returns the exit code."""
    try:
        command.run(args)
        code = 0
    except SystemExit as leaving:
        code = _exit_code(leaving.code)
    except BaseException:
        traceback.print_exc()
        code = EXIT_BY_EXCEPTION
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    return code


def _exit_code(code: object) -> int:
    """Python's own rule: None is 0, a number is itself, anything else is printed and 1."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return EXIT_BY_EXCEPTION


def _leave(code: int) -> NoReturn:
    with suppress(Exception):
        sys.stdout.flush()
    with suppress(Exception):
        sys.stderr.flush()
    os._exit(code)
