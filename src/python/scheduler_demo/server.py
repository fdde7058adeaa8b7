"""What embedded servers have in common: a folder, a socket, a start, an end."""

import os
import random
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from scheduler_demo.errors import ServiceProblem
from scheduler_demo.processes import GuardedProcess

_START_SECONDS = 30.0
_SERVER_PORTS = range(20_000, 32_000)
# A path of a Unix socket holds 107 bytes; the file name and a NUL must fit too.
_SOCKET_FOLDER_LIMIT = 80


class Server:
    """The life of one server process: start, stop, restart, kill."""

    name: ClassVar[str]
    stop_signal: ClassVar[int]

    def __init__(self, data_dir: Path, *, port: int | None) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.port = free_port() if port == 0 else port
        self._socket_dir: Path | None = None
        self._process: GuardedProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def started(self) -> bool:
        """True once it was started, until ``stop``."""
        return self._process is not None

    @property
    def running(self) -> bool:
        """True while the server's process lives."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The server's process id; ServiceProblem when it was never started."""
        if self._process is None:
            raise ServiceProblem(self.name, "is not started", "call start() first")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        return self.data_dir / "logs" / f"{self.name.lower()}.log"

    @property
    def socket_dir(self) -> Path:
        """The folder of the Unix socket: in the data folder where its path is short enough."""
        if self._socket_dir is None:
            inside = self.data_dir / "run"
            fits = len(os.fsencode(inside)) <= _SOCKET_FOLDER_LIMIT
            self._socket_dir = inside if fits else Path(tempfile.mkdtemp(prefix="scheduler-"))
            self._socket_dir.mkdir(mode=0o700, exist_ok=True)
        return self._socket_dir

    def start(self) -> None:
        """Start it and return when it answers. Raises ServiceProblem; does nothing if it runs."""
        if self.running:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._prepare()
        self._process = GuardedProcess(
            self._command(),
            self.log_path,
            env=self._environment(),
            end_signal=self.stop_signal,
            grace_seconds=5.0,
        )
        self._await_answer()

    def stop(self) -> None:
        """Stop it cleanly (SIGKILL after ten seconds); its data stays."""
        if self._process is not None:
            self._process.stop(self.stop_signal)
            self._process = None

    def close(self) -> None:
        """Stop it and remove what lies outside the data folder."""
        self.stop()
        self._forget_socket_dir()

    def kill(self) -> None:
        """SIGKILL: what a crash does. ``start`` recovers from what it leaves behind."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Stop cleanly, then start; the address stays the same."""
        self.stop()
        self.start()

    def suspend(self) -> None:
        """SIGSTOP of the server's main process: it accepts nothing until ``resume``."""
        if self._process is not None:
            self._process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def _prepare(self) -> None:
        """Make what the first start needs and remove what a crash left."""

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str] | None:
        """What the server finds in its environment; None: what we have."""
        return None

    def _answers(self) -> bool:
        raise NotImplementedError

    def _await_answer(self) -> None:
        if not wait_until(lambda: not self.running or self._answers(), _START_SECONDS):
            self.kill()
            raise self._start_problem(f"did not answer within {_START_SECONDS:.0f} s")
        if not self.running:
            raise self._start_problem("ended at once")

    def _start_problem(self, what: str) -> ServiceProblem:
        tail = self._process.log_tail(3) if self._process else ""
        return ServiceProblem(self.name, what, f"its log {self.log_path} ends with: {tail}")

    def _forget_socket_dir(self) -> None:
        if self._socket_dir is not None and self._socket_dir.parent != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._socket_dir = None


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody held a moment ago. It lies below those that Linux gives
    to outgoing connections, so that none of them takes it before a server does.

    Raises ServiceProblem when all are taken.
    """
    for port in random.sample(_SERVER_PORTS, k=len(_SERVER_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ServiceProblem("free_port", f"found none in {_SERVER_PORTS}", "stop other servers")


def wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Ask ``condition`` every 20 ms; False when it did not hold within the time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
