"""A child process that never outlives us: started, told, killed, and looked at."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")


class GuardedProcess:
    """One running command, ended with ours whatever ends us (see ``guard``).

    Its output is appended to ``log_path``. It runs in a session of its own, so that a Ctrl-C at
    the terminal reaches us alone and we stop our children in order.
    """

    def __init__(
        self,
        command: Sequence[str],
        log_path: Path,
        *,
        env: Mapping[str, str] | None = None,
        end_signal: int = signal.SIGTERM,
        grace_seconds: float = 10.0,
        cwd: Path | None = None,
    ) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(int(end_signal)), str(grace_seconds)]
        with log_path.open("ab") as log:
            self._guard = subprocess.Popen(
                [*guard, "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        with self._guard.stdout as stdout:
            first_line = stdout.readline()
        self.pid = int(first_line) if first_line.strip() else 0
        self.log_path = log_path

    @property
    def exit_status(self) -> int | None:
        """None while it runs; then its exit code, or 128 + the signal that ended it."""
        return self._ended(self._guard.poll())

    @property
    def running(self) -> bool:
        """True until the process was reaped."""
        return self.exit_status is None

    def send(self, number: int) -> None:
        """Send a signal to the command; nothing happens when it is gone."""
        if self.pid and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_seconds: float | None = None) -> int | None:
        """The exit status, or None when it still runs after ``timeout_seconds``."""
        try:
            return self._ended(self._guard.wait(timeout_seconds))
        except subprocess.TimeoutExpired:
            return None

    def stop(self, number: int = signal.SIGTERM, *, grace_seconds: float = 10.0) -> int:
        """Send ``number``, then SIGKILL when it still runs after the grace; returns the status."""
        self.send(number)
        status = self.wait(grace_seconds)
        return status if status is not None else self.kill()

    def kill(self) -> int:
        """SIGKILL, also of a stopped process; returns the status."""
        self.send(signal.SIGKILL)
        status = self.wait()
        assert status is not None
        return status

    def log_tail(self, lines: int = 5) -> str:
        """The last lines of its output, for a message to a person."""
        with contextlib.suppress(OSError):
            text = self.log_path.read_text(errors="replace")
            return "\n".join(text.strip().splitlines()[-lines:])
        return ""

    def _ended(self, status: int | None) -> int | None:
        """Lets go of the guard's pipe once it has ended."""
        if status is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        return status
