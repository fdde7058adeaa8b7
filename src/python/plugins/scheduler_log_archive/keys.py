"""Names of objects: where the log of a run is in the bucket, and how an address says so. Pure.

    PREFIX/2026-01-31/<job>/<run id>.log                     a whole log
    PREFIX/.chunks/<run id>/2026-01-31/<job>/<offset>        bytes of one, from the offset on

Day and job are the names of the local folders. A chunk's key holds them, so that whoever puts a
log together of its chunks names it as the worker would have.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

from scheduler.plugin_api.services import LocalLog

CHUNKS = ".chunks/"
_OFFSET_DIGITS = 20
_UNIX_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class LogName:
    """What names a log: ``day`` and ``job_slug`` are the names of its local folders."""

    run_id: UUID
    day: date
    job_slug: str

    @classmethod
    def of(cls, log: LocalLog) -> "LogName":
        return cls(log.run_id, log.day, log.job_slug)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stored chunk: ``size`` bytes of the log from ``offset`` on."""

    key: str
    name: LogName
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys below a prefix (``""`` or ``a/b``)."""

    prefix: str

    def log(self, name: LogName) -> str:
        """The key of the whole log."""
        return f"{self._base}{name.day.isoformat()}/{name.job_slug}/{name.run_id}.log"

    def chunk(self, name: LogName, offset: int) -> str:
        """The key of the chunk that begins at ``offset``; keys sort by it."""
        place = f"{name.day.isoformat()}/{name.job_slug}"
        return f"{self.chunks_of(name.run_id)}{place}/{offset:0{_OFFSET_DIGITS}d}"

    def chunks_of(self, run_id: UUID) -> str:
        """What the keys of a run's chunks begin with."""
        return f"{self.chunks}{run_id}/"

    @property
    def chunks(self) -> str:
        """What the keys of all chunks begin with."""
        return f"{self._base}{CHUNKS}"

    def run_of(self, folder: str) -> UUID | None:
        """The run of a folder of chunks; None for a stranger's."""
        return _uuid(folder.removeprefix(self.chunks).rstrip("/"))

    def parse_chunk(self, key: str, size: int) -> Chunk | None:
        """The chunk of a key; None for a stranger's."""
        parts = key.removeprefix(self.chunks).split("/")
        if not key.startswith(self.chunks) or len(parts) != 4 or not parts[3].isdecimal():
            return None
        run_id, day = _uuid(parts[0]), _day(parts[1])
        if run_id is None or day is None:
            return None
        return Chunk(key, LogName(run_id, day, parts[2]), int(parts[3]), size)

    def guesses(self, run_id: UUID, job_slug: str) -> Iterator[str]:
        """Where a log probably is whose address is not known: run ids begin with the time of
        planning, and most runs start within a day of it."""
        if run_id.version != 7:
            return
        planned = _UNIX_DAY + timedelta(milliseconds=run_id.int >> 80)
        for days in (0, 1):
            yield self.log(LogName(run_id, planned + timedelta(days=days), job_slug))

    @property
    def _base(self) -> str:
        return f"{self.prefix}/" if self.prefix else ""


@dataclass(frozen=True, slots=True)
class Joint:
    """A chunk among those that make up a log: the first ``known`` bytes of it an earlier one has
    already; ``missing`` bytes before it are in none."""

    chunk: Chunk
    known: int
    missing: int


def joined(chunks: Iterable[Chunk]) -> list[Joint]:
    """The chunks that make up the log, in order."""
    found, end = [], 0
    for chunk in sorted(chunks, key=lambda one: (one.offset, -one.size)):
        if chunk.end > end:
            apart = chunk.offset - end
            found.append(Joint(chunk, known=max(0, -apart), missing=max(0, apart)))
            end = chunk.end
    return found


def in_line(chunks: Iterable[Chunk]) -> list[Joint]:
    """Those that make up the log from its begin to the first gap."""
    return list(takewhile(lambda one: not one.missing, joined(chunks)))


def address(base_url: str, bucket: str, key: str) -> str:
    """BASE/BUCKET/KEY as an address."""
    return f"{base_url}/{quote(bucket)}/{quote(key)}"


def key_in(log_ref: str, bucket: str, run_id: UUID) -> str | None:
    """The key that a recorded address names; None where it is no address of the run's log in the
    bucket, such as a local path."""
    parts = urlsplit(log_ref)
    if parts.scheme not in ("http", "https"):
        return None
    _, found, key = unquote(parts.path).partition(f"/{bucket}/")
    return key if found and key.endswith(f"/{run_id}.log") else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
