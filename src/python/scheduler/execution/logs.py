"""Log files of runs: where they are, how they are read in pieces, how old ones go."""

import errno
import os
import re
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import batched
from pathlib import Path
from uuid import UUID

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""Errors that lose a job's output but must not change its outcome."""

_FILE_MODE, _FOLDER_MODE = 0o640, 0o750
_SLUG_BYTES = 120
_ASKED_AT_ONCE = 1000

type Keep = Callable[[list[UUID]], Collection[UUID]]
"""Which of the runs' logs stay, whatever their age."""


def job_slug(job_name: str) -> str:
    """A job's name as one folder name: letters (of any script), digits, ``_ . -``; no path."""
    slug = re.sub(r"[^\w.-]+", "-", job_name).strip("-.")
    return slug.encode()[:_SLUG_BYTES].decode(errors="ignore") or "job"


def log_path(log_dir: str | Path, day: date, job_name: str, run_id: UUID) -> Path:
    """``LOG_DIR/YYYY-MM-DD/<job slug>/<run id>.log``; ``day`` is the UTC day of the claim."""
    return Path(log_dir) / day.isoformat() / job_slug(job_name) / f"{run_id}.log"


def redirect_to_log(path: str) -> None:
    """Make fds 1 and 2 the log, opened for appending, folders made. fd 0 must be /dev/null.

    Where the log cannot be opened (disk full, no permission) its output is lost, which the
    worker's own stderr says; the run goes on.
    """
    try:
        log = _open_for_append(path)
    except OSError as error:
        sys.stderr.write(f"log_lost path={path} reason={error.strerror}\n")
        log = os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def read_log(path: str | Path, offset: int, limit: int) -> tuple[bytes, int, int]:
    """Up to ``limit`` bytes from ``offset``: (bytes, offset of the next piece, size now).

    A negative offset counts from the end (a tail). An offset past the end gives nothing. Raises
    FileNotFoundError when there is no such log.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = max(0, size + offset) if offset < 0 else min(offset, size)
        file.seek(start)
        data = file.read(max(0, limit))
    return data, start + len(data), size


@dataclass(slots=True)
class Swept:
    """What went (or would go): files and bytes; how many old logs were kept, of which the oldest
    was last written at ``oldest_kept`` (Unix seconds); and how many could not be deleted, with the
    reason of the last."""

    files: int = 0
    freed: int = 0
    kept: int = 0
    oldest_kept: float | None = None
    stuck: int = 0
    why: str = ""

    def keep(self, written: float) -> None:
        """Count one that is kept."""
        self.kept += 1
        self.oldest_kept = min(written, written if self.oldest_kept is None else self.oldest_kept)

    def delete(self, path: Path, size: int, *, dry_run: bool) -> None:
        """Delete one and count it."""
        try:
            if not dry_run:
                path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            self.stuck, self.why = self.stuck + 1, f"{path}: {error.strerror}"
        else:
            self.files, self.freed = self.files + 1, self.freed + size


def delete_old_logs(
    log_dir: str | Path, older_than: float, keep: Keep = lambda _: (), *, dry_run: bool = False
) -> Swept:
    """Delete logs last written before ``older_than`` (Unix seconds), but for those that ``keep``
    names, and the folders emptied. A ``dry_run`` deletes nothing.

    Only ``*.log`` files two folders down are looked at; one whose name is no run's is not kept.
    """
    swept = Swept()
    for some in batched(_old_logs(log_dir, older_than), _ASKED_AT_ONCE, strict=False):
        runs = [run for path, _ in some if (run := _run_of(path)) is not None]
        kept = frozenset(keep(runs)) if runs else frozenset()
        for path, status in some:
            if _run_of(path) in kept:
                swept.keep(status.st_mtime)
            else:
                swept.delete(path, status.st_size, dry_run=dry_run)
    if not dry_run:
        _remove_empty_folders(log_dir)
    return swept


def _old_logs(log_dir: str | Path, older_than: float) -> Iterator[tuple[Path, os.stat_result]]:
    for path in Path(log_dir).glob("*/*/*.log"):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if status.st_mtime < older_than:
                yield path, status


def _remove_empty_folders(log_dir: str | Path) -> None:
    for folder in [*Path(log_dir).glob("*/*/"), *Path(log_dir).glob("*/")]:
        with suppress(OSError):
            folder.rmdir()


def _run_of(path: Path) -> UUID | None:
    try:
        return UUID(path.stem)
    except ValueError:
        return None


def _open_for_append(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, _FILE_MODE)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), _FOLDER_MODE, exist_ok=True)
        return os.open(path, flags, _FILE_MODE)
