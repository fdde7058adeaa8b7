"""What a worker keeps on its own disk: results while the RDB is away, and a short journal."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from scheduler.domain.values import Reason, ResourceUse, RunResult, RunState
from scheduler.execution.records import RecordFile, RecordsBusy

_SPOOL_SUFFIX, JOURNAL_SUFFIX = ".spool", ".journal"


class Spool:
    """Results that the RDB has not taken yet; each is replayed once, by its claim_token.

    The file belongs to one worker and outlives it: ``abandoned_in`` finds those of dead workers.
    """

    def __init__(self, folder: str | Path, worker_id: str) -> None:
        """Open or make the worker's spool. Raises RecordsBusy or RecordsNotWritable."""
        self.worker_id = worker_id
        self._file = RecordFile(Path(folder) / f"{worker_id}{_SPOOL_SUFFIX}", durable=True)
        self._pending: dict[UUID, RunResult] = {}
        for row in self._file.read():
            self._replay(row)

    @classmethod
    def abandoned_in(cls, folder: str | Path, mine: str = "") -> list["Spool"]:
        """The spools of workers of this host that are gone, now held by the caller alone.

        Replay what is ``pending``, then ``remove`` each. ``mine`` is left out.
        """
        found = []
        for path in sorted(Path(folder).glob(f"*{_SPOOL_SUFFIX}")):
            if path.stem == mine:
                continue
            try:
                found.append(cls(folder, path.stem))
            except RecordsBusy:
                continue
        return found

    def append(self, results: Sequence[RunResult]) -> None:
        """Keep results; they are on the disk when this returns. Raises RecordsNotWritable, and
        then has kept none."""
        self._file.append([{"result": result_row(result)} for result in results])
        self._pending.update((result.claim_token, result) for result in results)

    def pending(self) -> list[RunResult]:
        """Results not yet acknowledged, oldest first."""
        return list(self._pending.values())

    def acknowledge(self, claim_tokens: Sequence[UUID]) -> None:
        """Forget results that the RDB has taken. Unknown tokens are ignored."""
        for token in claim_tokens:
            self._pending.pop(token, None)
        if self._pending:
            self._file.append([{"acknowledged": [str(token) for token in claim_tokens]}])
        else:
            self._file.replace([])

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        """Delete the spool, when all of it is with the RDB."""
        self._file.remove()

    def _replay(self, row: Mapping[str, Any]) -> None:
        if "result" in row:
            result = result_from_row(row["result"])
            self._pending[result.claim_token] = result
        for token in row.get("acknowledged", ()):
            self._pending.pop(UUID(token), None)


_RESULT_FIELDS = tuple(field.name for field in fields(RunResult))
_USE_FIELDS = tuple(field.name for field in fields(ResourceUse))


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """``kind`` is the writer's word ("claim", "finish"); ``at`` is in seconds of its clock."""

    kind: str
    at: float
    row: Mapping[str, Any]


class Journal:
    """What this worker wrote to the RDB in the last minutes, to be written again after a
    fail-over of PostgreSQL that lost the newest commits.

    Survives the process, not the machine: with the machine its runs are gone too.
    """

    def __init__(self, folder: str | Path, worker_id: str, keep_seconds: float = 600.0) -> None:
        """Open or make the worker's journal. Raises RecordsBusy or RecordsNotWritable."""
        path = Path(folder) / f"{worker_id}{JOURNAL_SUFFIX}"
        self._file, self._keep_seconds = RecordFile(path, durable=False), keep_seconds
        self._entries = deque(JournalEntry(**row) for row in self._file.read())
        self._written = len(self._entries)

    def append(self, kind: str, rows: Sequence[Mapping[str, Any]], now: float) -> None:
        """Keep rows (JSON values; UUIDs become text) written at ``now``. Raises
        RecordsNotWritable, and then has kept them in memory only."""
        fresh = [JournalEntry(kind, now, row) for row in rows]
        self._entries.extend(fresh)
        while self._entries and self._entries[0].at < now - self._keep_seconds:
            self._entries.popleft()
        self._file.append([_entry_row(entry) for entry in fresh])
        self._written += len(fresh)
        self._shorten()

    def entries_since(self, at: float) -> list[JournalEntry]:
        """Entries written at or after ``at``, oldest first."""
        return [entry for entry in self._entries if entry.at >= at]

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        self._file.remove()

    def _shorten(self) -> None:
        # Rewriting costs as much as is kept: only worth it once most of the file is old.
        if self._written > 1000 and self._written > 2 * len(self._entries):
            self._file.replace([_entry_row(entry) for entry in self._entries])
            self._written = len(self._entries)


def _entry_row(entry: JournalEntry) -> dict[str, Any]:
    # Not asdict, which copies the row deeply: this is done for every run.
    return {"kind": entry.kind, "at": entry.at, "row": entry.row}


def result_row(result: RunResult) -> dict[str, Any]:
    """A result as JSON values."""
    row = {name: getattr(result, name) for name in _RESULT_FIELDS}
    use = {name: getattr(result.use, name) for name in _USE_FIELDS}
    ids = {"run_id": str(result.run_id), "claim_token": str(result.claim_token)}
    return {**row, **ids, "use": use}


def result_from_row(row: Mapping[str, Any]) -> RunResult:
    """A result from ``result_row``'s answer. Fields that this build does not know are left out."""
    values = {name: value for name, value in row.items() if name in _RESULT_FIELDS}
    values |= {
        "run_id": UUID(row["run_id"]),
        "claim_token": UUID(row["claim_token"]),
        "state": RunState(row["state"]),
        "reason": Reason(row["reason"]) if row["reason"] else None,
        "use": ResourceUse(**row["use"]),
    }
    return RunResult(**values)
