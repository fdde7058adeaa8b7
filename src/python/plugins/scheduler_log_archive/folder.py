"""The log folder, looked at again and again without reading all of it each time."""

import os
from collections.abc import Iterator, Set
from contextlib import suppress
from datetime import date
from pathlib import Path
from uuid import UUID

from scheduler.plugin_api.services import LocalLog

_SUFFIX = ".log"
# Within this time a folder may change again without its time stamp telling.
_SETTLED_SECONDS = 2.0


class LogFolder:
    """The logs below ``LOG_DIR/<UTC day>/<job slug>/``. One thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seen: dict[Path, int] = {}

    def new(self, known: Set[str], now: float) -> list[LocalLog]:
        """The logs whose run ids are not ``known``, in all folders that got or lost a file since
        the last look (the first time: in all folders). ``now`` is Unix time."""
        before, self._seen = self._seen, {}
        found: list[LocalLog] = []
        for day, folder in self._folders():
            with suppress(OSError):
                stamp = folder.stat().st_mtime_ns
                if before.get(folder) != stamp:
                    found += _logs(day, folder, known)
                if now - stamp / 1e9 > _SETTLED_SECONDS:
                    self._seen[folder] = stamp
        return found

    def all(self) -> Iterator[LocalLog]:
        """Every log, and nothing else that may be there."""
        for day, folder in self._folders():
            with suppress(OSError):
                yield from _logs(day, folder)

    def remove_empty(self, before: date) -> None:
        """Remove empty folders of days before ``before``: into newer ones a run may be about to
        write."""
        for day, folder in self._folders():
            if day < before:
                for empty in (folder, folder.parent):
                    with suppress(OSError):
                        empty.rmdir()

    def _folders(self) -> Iterator[tuple[date, Path]]:
        for path in _subfolders(self.root):
            with suppress(ValueError):
                day = date.fromisoformat(path.name)
                yield from ((day, folder) for folder in _subfolders(path))


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _logs(day: date, folder: Path, known: Set[str] = frozenset()) -> Iterator[LocalLog]:
    # Most are known, in folders of tens of thousands: no more than a look-up for each.
    for name in os.listdir(folder):
        if name.endswith(_SUFFIX) and name[: -len(_SUFFIX)] not in known:
            with suppress(ValueError):
                run_id = UUID(name.removesuffix(_SUFFIX))
                yield LocalLog(run_id, day, folder.name, folder / name)
