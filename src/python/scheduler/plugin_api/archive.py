"""Where the logs of runs go to last: what a log archive promises."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """The run whose log is asked for. ``log_ref`` is what the archive had recorded, or empty;
    ``ended`` says whether the run has finished."""

    run_id: UUID
    job_name: str
    log_ref: str
    ended: bool


@dataclass(frozen=True, slots=True)
class ArchivedLog:
    """The log of an ended run came to lie at ``log_ref``; ``at``, aware UTC, is when that was
    recorded."""

    run_id: UUID
    log_ref: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Up to ``limit`` bytes of a log: ``size`` is what the archive holds now, uncompressed;
    ``complete`` says that the whole log is there."""

    data: bytes
    next_offset: int
    size: int
    complete: bool


@runtime_checkable
class LogArchive(Protocol):
    """Reads what was archived, wherever the worker went. Called in any process, with a time limit;
    a raised exception is taken for "not to be had now"."""

    def read(self, run: ArchivedRun, offset: int, limit: int) -> LogPiece | None:
        """Bytes from ``offset`` on (negative: from the end); None where nothing was archived."""

    def link(self, run: ArchivedRun) -> str | None:
        """An address at which a browser finds the whole log, perhaps for a short while only."""

    def takes_logs(self) -> bool:
        """Whether logs are archived at present: what the settings say, not whether a server
        answers. While they are, ``scheduler_purge`` keeps what has no address yet."""
