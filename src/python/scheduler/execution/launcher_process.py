"""The launcher as its worker holds it: started, spoken to, and cleaned up behind."""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from scheduler.execution import procfs
from scheduler.execution.launcher import WARM_MEMORY
from scheduler.execution.wire import Line, Message

MARK = "_SCHEDULER_HOST_MARK"
"""Environment variable of every process of a host: by its value strays are found in /proc."""

SEND_LIMIT_SECONDS = 5
"""A launcher that takes no message for so long is given up for this message."""

END_SECONDS = 5.0
SWEEP_SECONDS = 10.0


class LauncherProcess:
    """One launcher. ``line`` tells what becomes of it and of its fork server."""

    def __init__(self, mark: str, config: Mapping[str, Any]) -> None:
        """Start it, by exec. ``config`` is handed to it and to the fork server. Raises OSError."""
        self._mark = mark
        changes = _changes(mark)
        mine, theirs = _line_pair()
        with theirs:
            whole = {
                **config,
                "marker": mark,
                "launcher_fd": theirs.fileno(),
                "environ_before": {
                    name: os.environ.get(name) for name in (*changes, *WARM_MEMORY) if name != MARK
                },
            }
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scheduler.execution.launcher", json.dumps(whole)],
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **changes},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.line, self.pid = Line(mine), self._process.pid

    def spawn(self, server_end: socket.socket) -> None:
        """Ask for a fork server, and hand on the end of the line on which it will hear us."""
        with suppress(OSError):
            self.line.send_with_fd(["spawn"], server_end.fileno())

    def tell(self, message: Message) -> None:
        """Send, if it still lives."""
        with suppress(OSError):
            self.line.send(message)

    def end(self) -> list[int]:
        """Let it go, and see to it that no process of the host is left; returns those that
        SIGKILL does not end."""
        self.line.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return procfs.kill_marked(self._mark, SWEEP_SECONDS)


def _line_pair() -> tuple[socket.socket, socket.socket]:
    """A socketpair; sending on the first end raises BlockingIOError after the send limit."""
    mine, theirs = socket.socketpair()
    limit = struct.pack("ll", SEND_LIMIT_SECONDS, 0)
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    return mine, theirs


def _changes(mark: str) -> dict[str, str]:
    """Environment of launcher and fork server beyond the worker's own.

    The module path is handed on, since a zipped or embedded worker has one that a new
    interpreter would not find by itself.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    # setproctitle must not overwrite the environment: /proc/PID/environ shows the mark.
    return {"PYTHONPATH": path, "SPT_NOENV": "1", MARK: mark}
