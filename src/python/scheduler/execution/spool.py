"""What a worker keeps on its own disk while the RDB is away: results."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import UUID

from scheduler.domain.values import Reason, ResourceUse, RunResult, RunState
from scheduler.execution.records import RecordFile, open_abandoned

_SUFFIX = ".spool"


class Spool:
    """Results that the RDB has not taken yet; each is replayed once, by its claim_token.

    The file belongs to one worker and outlives it: ``abandoned_in`` finds those of dead workers.
    """

    def __init__(self, folder: str | Path, worker_id: str) -> None:
        """Open or make the worker's spool. Raises RecordsBusy or RecordsNotWritable."""
        self.worker_id = worker_id
        self._file = RecordFile(Path(folder) / f"{worker_id}{_SUFFIX}", durable=True)
        self._pending: dict[UUID, RunResult] = {}
        for row in self._file.read():
            self._replay(row)

    @classmethod
    def abandoned_in(cls, folder: str | Path, mine: str = "") -> list["Spool"]:
        """The spools of workers of this host that are gone, now held by the caller alone.

        Replay what is ``pending``, then ``remove`` each. ``mine`` is left out.
        """
        return open_abandoned(Path(folder), _SUFFIX, [mine], lambda name: cls(folder, name))

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
            self._file.clear()

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
