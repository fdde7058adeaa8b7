"""What was done with each log, kept beside the logs: the disk is the queue.

A log without a mark is to be archived. ``LOG_DIR/.archive/<run id>.sent`` says how many of its
bytes went up as chunks, and to which place, ``<run id>.done`` that all of it is in the archive, and
where. Marks are written aside and renamed: there is a whole one or none. Where none can be written
(a full disk) the log is archived all the same; after a restart that is done again, to the same
object.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

FOLDER = ".archive"
_SENT, _DONE = ".sent", ".done"


@dataclass(frozen=True, slots=True)
class Done:
    """A log that is in the archive: its address, and what it was."""

    log_ref: str
    size: int
    sha256: str


class Marks:
    """The marks of one log folder. Several processes may share it."""

    def __init__(self, log_dir: Path) -> None:
        self._folder = log_dir / FOLDER

    def sent(self, run_id: UUID, place: str) -> int:
        """How many bytes of a log went up as chunks to this place; 0 where nothing is known."""
        kept = self._read(f"{run_id}{_SENT}") or {}
        size = kept.get("bytes")
        return size if isinstance(size, int) and kept.get("place") == place else 0

    def done(self, run_id: UUID) -> Done | None:
        """None where the log is not archived, or the mark cannot be read."""
        kept = self._read(f"{run_id}{_DONE}")
        try:
            return Done(**kept) if kept else None
        except TypeError:
            return None

    def all_done(self) -> frozenset[str]:
        """The run ids that are marked as archived, as text, by one look at the folder."""
        return frozenset(name.removesuffix(_DONE) for name in self.names() if name.endswith(_DONE))

    def mark_sent(self, run_id: UUID, size: int, place: str) -> bool:
        """False where it could not be written down."""
        return self._write(f"{run_id}{_SENT}", {"bytes": size, "place": place})

    def forget_sent(self) -> None:
        """Nothing counts as sent any more."""
        self.remove(name for name in self.names() if name.endswith(_SENT))

    def mark_done(self, run_id: UUID, done: Done) -> bool:
        """False where it could not be written down."""
        if not self._write(f"{run_id}{_DONE}", asdict(done)):
            return False
        self._remove(f"{run_id}{_SENT}")
        return True

    def forget(self, run_id: UUID) -> None:
        """Remove the marks of a log that is gone."""
        self.remove((f"{run_id}{_SENT}", f"{run_id}{_DONE}"))

    def names(self) -> frozenset[str]:
        """The files of all marks; each begins with the run's id and a dot."""
        try:
            return frozenset(os.listdir(self._folder))
        except OSError:
            return frozenset()

    def remove(self, names: Iterable[str]) -> None:
        """Remove marks by the names of their files."""
        for name in names:
            self._remove(name)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self._folder / name).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, name: str, content: dict[str, object]) -> bool:
        path = self._folder / name
        # Another process may write the same mark at the same time.
        draft = path.with_name(f"{name}.{os.getpid()}")
        try:
            self._folder.mkdir(mode=0o750, exist_ok=True)
            draft.write_text(json.dumps(content))
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            return False
        return True

    def _remove(self, name: str) -> None:
        with suppress(OSError):
            (self._folder / name).unlink()
