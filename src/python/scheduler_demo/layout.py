"""Where a demo keeps what it keeps, and that only one demo at a time uses it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scheduler_demo.errors import DemoProblem


def default_data_dir() -> Path:
    """``scheduler-demo`` in the user's cache folder (XDG_CACHE_HOME, else ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "scheduler-demo"


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a data folder. ``run_logs`` holds one file per run, ``logs`` one per process."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def sqlite_file(self) -> Path:
        return self.root / "demo.sqlite3"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def seaweed(self) -> Path:
        return self.root / "seaweedfs"

    @property
    def tls(self) -> Path:
        return self.root / "tls"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run_logs(self) -> Path:
        return self.root / "run-logs"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    def spool(self, worker: int) -> Path:
        """Results of worker ``worker`` that wait for the database; its own, kept over a restart."""
        return self.root / "spool" / f"worker-{worker}"

    def make(self) -> None:
        """Make the folders; DemoProblem where that is not allowed."""
        try:
            for folder in (self.logs, self.run_logs, self.evidence):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise DemoProblem(
                f"The data folder {self.root} cannot be made ({error.strerror});"
                " name another with --data-dir."
            ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder as this process's own. DemoProblem when another demo holds it."""
        self.make()
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            raise DemoProblem(
                f"Another demo (pid {holder}) uses the data folder {self.root};"
                " stop it, or name another folder with --data-dir."
            ) from None
