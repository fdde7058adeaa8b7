"""Append-only files of JSON lines, each held by one process: the stuff of spool and journal."""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from scheduler.domain.errors import SchedulerError

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]


class RecordsBusy(SchedulerError):
    """Another process holds this record file."""

    code = "RECORDS_BUSY"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path} is held by another process; stop that, or use another folder.")


class RecordsNotWritable(SchedulerError):
    """The disk takes no record. What was asked to be kept is still with the caller."""

    code = "RECORDS_NOT_WRITABLE"

    def __init__(self, path: Path, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path} cannot be written ({why}); free space or check its folder.")


class RecordFile:
    """One file, locked while this object is open. For one thread at a time.

    A line is whole or, if the machine died while it was written, ignored. ``durable``: each
    append is on the disk (fsync) when the call returns.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        """Raises RecordsBusy, or RecordsNotWritable when the folder or file cannot be made."""
        self.path, self._durable = path, durable
        self._lock_path = path.with_suffix(".lock")
        try:
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock_fd = self._lock()
        except OSError as error:
            raise RecordsNotWritable(path, str(error.strerror)) from error
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            self._cut_torn_line()
            self._sync_folder()
        except OSError as error:
            os.close(self._lock_fd)
            raise RecordsNotWritable(path, str(error.strerror)) from error

    def append(self, rows: Sequence[Row]) -> None:
        """Keep rows, all or none. Raises RecordsNotWritable."""
        self.append_lines(b"".join(map(line_of, rows)))

    def append_lines(self, data: bytes) -> None:
        """Keep whole lines (see ``line_of``), all or none. Raises RecordsNotWritable."""
        before = os.fstat(self._fd).st_size
        try:
            _write_all(self._fd, data)
            if self._durable:
                os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, before)
            raise RecordsNotWritable(self.path, str(error.strerror)) from error

    def read(self) -> list[dict[str, Any]]:
        """All rows, oldest first."""
        rows = []
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                log.warning("record_unreadable", path=str(self.path), line=number)
        return rows

    def clear(self) -> None:
        """Forget all rows. Raises RecordsNotWritable, and then all are still there."""
        self._replace(b"")

    def drop_first(self, size: int) -> None:
        """Forget the first ``size`` bytes, which are whole lines. Raises RecordsNotWritable, and
        then all are still there."""
        self._replace(self.path.read_bytes()[size:])

    def _replace(self, data: bytes) -> None:
        part = self.path.with_suffix(".part")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        try:
            fd = os.open(part, flags, 0o640)
            _write_all(fd, data)
            if self._durable:
                os.fsync(fd)
            os.replace(part, self.path)
            self._sync_folder()
        except OSError as error:
            raise RecordsNotWritable(self.path, str(error.strerror)) from error
        os.close(self._fd)
        self._fd = fd

    def close(self) -> None:
        """Give the file up for others."""
        os.close(self._fd)
        os.close(self._lock_fd)

    def remove(self) -> None:
        """Delete the file and give it up."""
        self.path.unlink(missing_ok=True)
        self._lock_path.unlink(missing_ok=True)
        self.close()

    def _lock(self) -> int:
        fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise RecordsBusy(self.path) from None
        return fd

    def _cut_torn_line(self) -> None:
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            log.warning("record_torn", path=str(self.path), bytes_cut=len(data) - whole)
            os.ftruncate(self._fd, whole)

    def _sync_folder(self) -> None:
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def open_abandoned[T](
    folder: Path, suffix: str, left_out: Collection[str], open_one: Callable[[str], T]
) -> list[T]:
    """What ``open_one(worker id)`` gives for each record file of workers that are gone.

    A file that another process holds is left to it; one that cannot be opened is left for the
    next time, with a warning. ``left_out`` are worker ids.
    """
    opened = []
    for path in sorted(Path(folder).glob(f"*{suffix}")):
        if path.stem in left_out:
            continue
        try:
            opened.append(open_one(path.stem))
        except RecordsBusy:
            continue
        except RecordsNotWritable as error:
            log.warning("abandoned_records_unusable", path=str(path), reason=str(error))
    return opened


def line_of(row: Row) -> bytes:
    """A row as the line that a record file holds."""
    return json.dumps(row, separators=(",", ":"), default=str).encode() + b"\n"


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
