"""``ports.Journal`` on this worker's disk: claims and results of the last ten minutes.

They are written again after a fail-over of PostgreSQL that lost the newest commits. The disk holds
them, the memory only how many bytes were written when: a busy worker ends 100,000 runs in that
time. They survive the process, not the machine: with the machine its runs are gone too.
"""

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from scheduler.domain.values import Claim, RunResult
from scheduler.execution.records import RecordFile, RecordsNotWritable, line_of, open_abandoned
from scheduler.execution.spool import result_from_row, result_row

_SUFFIX = ".journal"
_CLAIM, _FINISH = "claim", "finish"
_CLAIM_FIELDS = tuple(field.name for field in fields(Claim))
KEEP_SECONDS = 600.0
WORTH_CUTTING_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """``kind`` is the writer's word ("claim", "finish"); ``at`` is in seconds of its clock."""

    kind: str
    at: float
    row: Mapping[str, Any]


class Journal:
    """Rows with their times, in one file. For one thread."""

    def __init__(self, folder: str | Path, worker_id: str, keep_seconds: float) -> None:
        """Open or make the worker's journal. Raises RecordsBusy or RecordsNotWritable."""
        self.path = Path(folder) / f"{worker_id}{_SUFFIX}"
        self._file, self._keep_seconds = RecordFile(self.path, durable=False), keep_seconds
        newest = max((row["at"] for row in self._file.read()), default=0.0)
        self._since = newest - keep_seconds
        # By append, oldest first: when, and how many bytes of the file.
        self._written = deque([(newest, self.path.stat().st_size)])
        self._kept_bytes, self._old_bytes = self._written[0][1], 0
        self._refused: list[tuple[float, bytes]] = []

    def append(self, kind: str, rows: Sequence[Mapping[str, Any]], now: float) -> None:
        """Keep rows (JSON values; UUIDs become text) written at ``now``. Raises
        RecordsNotWritable, and then has kept them in memory until the disk takes them."""
        self._since = now - self._keep_seconds
        data = b"".join(line_of({"kind": kind, "at": now, "row": row}) for row in rows)
        self._refused.append((now, data))
        try:
            self._file.append_lines(b"".join(each for _at, each in self._refused))
        except RecordsNotWritable:
            self._refused = [each for each in self._refused if each[0] >= self._since]
            raise
        taken, self._refused = self._refused, []
        self._written.extend((at, len(each)) for at, each in taken)
        self._kept_bytes += sum(len(each) for _at, each in taken)
        self._forget()

    def entries_since(self, at: float) -> list[JournalEntry]:
        """Entries written at or after ``at``, and not too old to be kept; oldest first."""
        since = max(at, self._since)
        return [JournalEntry(**row) for row in self._rows() if row["at"] >= since]

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        self._file.remove()

    def _rows(self) -> Iterator[dict[str, Any]]:
        yield from self._file.read()
        for _at, data in self._refused:
            yield from map(json.loads, data.splitlines())

    def _forget(self) -> None:
        while self._written and self._written[0][0] < self._since:
            size = self._written.popleft()[1]
            self._old_bytes, self._kept_bytes = self._old_bytes + size, self._kept_bytes - size
        # A cut writes all that is kept: only worth it once most of the file is old.
        if self._old_bytes >= max(self._kept_bytes, WORTH_CUTTING_BYTES):
            self._file.drop_first(self._old_bytes)
            self._old_bytes = 0


class RunJournal:
    """The journal of one worker. For one thread."""

    def __init__(self, folder: str | Path, worker_id: str) -> None:
        """Raises RecordsBusy or RecordsNotWritable. The folder is the journals' own."""
        self.worker_id = worker_id
        self._journal = Journal(folder, worker_id, KEEP_SECONDS)

    @classmethod
    def abandoned_in(cls, folder: str | Path, known: Sequence[str]) -> list["RunJournal"]:
        """The journals of workers of this host that are gone, now held by the caller alone.
        Those of ``known`` worker ids are left out."""
        return open_abandoned(Path(folder), _SUFFIX, known, lambda name: cls(folder, name))

    def claimed(self, claims: Sequence[Claim]) -> None:
        if claims:
            self._journal.append(_CLAIM, [_claim_row(claim) for claim in claims], claims[-1].at)

    def finished(self, results: Sequence[RunResult], now: float) -> None:
        self._journal.append(_FINISH, [result_row(result) for result in results], now)

    def claims(self, since: float) -> list[Claim]:
        return [_claim_from_row(row) for row in self._rows(_CLAIM, since)]

    def results(self, since: float) -> list[RunResult]:
        return [result_from_row(row) for row in self._rows(_FINISH, since)]

    def is_old(self) -> bool:
        """Whether all of it is older than what is kept: nothing of it is to be replayed. By the
        wall clock, for the machine may have been started anew."""
        return time.time() - self._journal.path.stat().st_mtime > KEEP_SECONDS

    def close(self) -> None:
        self._journal.close()

    def remove(self) -> None:
        self._journal.remove()

    def _rows(self, kind: str, since: float) -> list[Mapping[str, Any]]:
        return [each.row for each in self._journal.entries_since(since) if each.kind == kind]


def _claim_row(claim: Claim) -> dict[str, Any]:
    return {
        **{name: getattr(claim, name) for name in _CLAIM_FIELDS},
        "run_id": str(claim.run_id),
        "claim_token": str(claim.claim_token),
        "event_id": None if claim.event_id is None else str(claim.event_id),
        "scheduled_for": claim.scheduled_for.isoformat(),
    }


def _claim_from_row(row: Mapping[str, Any]) -> Claim:
    event_id = row.get("event_id")
    values = {
        # A journal that an earlier version wrote has fewer fields.
        **{name: row[name] for name in _CLAIM_FIELDS if name in row},
        "event_id": None if event_id is None else UUID(event_id),
        "run_id": UUID(row["run_id"]),
        "claim_token": UUID(row["claim_token"]),
        "scheduled_for": datetime.fromisoformat(row["scheduled_for"]),
    }
    return Claim(**values)
