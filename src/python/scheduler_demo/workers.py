"""The demo's worker and web processes, told apart by number and watched."""

import contextlib
import http.client
import json
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler_demo.errors import DemoProblem
from scheduler_demo.processes import GuardedProcess

MANAGE = (sys.executable, "-m", "scheduler_demo.manage")
_BAD_LEVELS = frozenset({"error", "critical"})


class WorkerProcess:
    """One ``scheduler_worker`` on a node of its own, ``node-<number>``; may be started again."""

    def __init__(
        self, number: int, environment: Mapping[str, str], log_path: Path, options: Sequence[str]
    ) -> None:
        self.number, self.node_id, self.log_path = number, f"node-{number}", log_path
        self._environment, self._options = dict(environment), tuple(options)
        self._process: GuardedProcess | None = None
        rotate(log_path)

    def start(self) -> None:
        """Start it; returns at once, long before it has joined the cluster."""
        command = [*MANAGE, "scheduler_worker", "--node-id", self.node_id, *self._options]
        self._process = GuardedProcess(command, self.log_path, env=self._environment)

    @property
    def process(self) -> GuardedProcess:
        """The process of the last start."""
        if self._process is None:
            raise DemoProblem(f"Worker {self.number} was never started; start it first.")
        return self._process

    @property
    def started(self) -> bool:
        """True once it was started, also when it has ended since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def kill(self) -> None:
        """SIGKILL of the worker process itself, not of what it has started."""
        self.process.kill()

    def suspend(self) -> None:
        """SIGSTOP."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self.started:
            self.process.send(signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM: hand over, drain, leave. A second one stops at once."""
        if self.started:
            self.process.send(signal.SIGTERM)

    def events(self) -> list[dict[str, Any]]:
        """What it logged since it was made, each structured line as a dict."""
        return [event for event in _events(self.log_path) if event is not None]

    def complaints(self) -> list[dict[str, Any]]:
        """Lines of level error or critical, and tracebacks outside of any (event ``traceback``)."""
        lines = (
            self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        )
        bare = [
            {"event": "traceback", "level": "error"} for x in lines if x.startswith("Traceback")
        ]
        return [event for event in self.events() if event.get("level") in _BAD_LEVELS] + bare


@dataclass(slots=True)
class WebProcess:
    """The site under uvicorn on a port of 127.0.0.1."""

    port: int
    environment: Mapping[str, str]
    log_path: Path
    process: GuardedProcess | None = None

    def start(self) -> None:
        """Start it; ``answers`` tells when it serves."""
        rotate(self.log_path)
        command = [sys.executable, "-m", "uvicorn", "scheduler_site.asgi:application"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
        self.process = GuardedProcess(command, self.log_path, env=self.environment)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def answers(self) -> bool:
        """True when /healthz says 200."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(line), contextlib.suppress(OSError, http.client.HTTPException):
            line.request("GET", "/healthz")
            return line.getresponse().status == 200
        return False


def check_port(port: int) -> None:
    """DemoProblem when something listens on the port of 127.0.0.1 already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoProblem(
                f"Port {port} of 127.0.0.1 cannot be used ({error.strerror});"
                " choose another with --port, 0 for any free one."
            ) from error


def rotate(log_path: Path) -> None:
    """Put the log of an earlier demo aside as ``<name>.1``, so that this one's begins empty."""
    if log_path.exists():
        log_path.replace(log_path.with_name(log_path.name + ".1"))


def _events(log_path: Path) -> Iterator[dict[str, Any] | None]:
    if not log_path.exists():
        return
    for line in log_path.read_text(errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            event = json.loads(line)
            yield event if isinstance(event, dict) else None
