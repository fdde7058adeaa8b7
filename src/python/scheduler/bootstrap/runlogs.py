"""Where the log of each run of this worker is."""

from collections import OrderedDict
from datetime import date
from pathlib import Path
from threading import Lock
from uuid import UUID

from scheduler.domain.errors import RunNotFound
from scheduler.execution.logs import log_path, read_log
from scheduler.ports import LogChunk

REMEMBERED = 10_000


class RunLogs:
    """Names the log of a run and reads it in pieces; remembers the newest paths."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._lock = Lock()
        self._paths: OrderedDict[UUID, Path] = OrderedDict()

    def new_path(self, day: date, job_name: str, run_id: UUID) -> Path:
        """The path of a run that starts now; ``day`` is the UTC day."""
        path = log_path(self._folder, day, job_name, run_id)
        with self._lock:
            self._paths[run_id] = path
            if len(self._paths) > REMEMBERED:
                self._paths.popitem(last=False)
        return path

    def read(self, run_id: UUID, offset: int, limit: int) -> LogChunk:
        """Raises RunNotFound when this machine has no log of the run."""
        path = self._paths.get(run_id) or next(self._folder.glob(f"*/*/{run_id}.log"), None)
        try:
            if path is None:
                raise FileNotFoundError
            data, next_offset, size = read_log(path, offset, limit)
        except FileNotFoundError:
            raise RunNotFound(str(run_id)) from None
        return LogChunk(data, next_offset, size, finished=False)
