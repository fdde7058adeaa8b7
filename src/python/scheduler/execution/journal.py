"""``ports.Journal`` on this worker's disk: claims and results of the last ten minutes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from scheduler.domain.values import Claim, RunResult
from scheduler.execution.records import RecordsBusy
from scheduler.execution.spool import JOURNAL_SUFFIX, Journal, result_from_row, result_row

_CLAIM, _FINISH = "claim", "finish"
_CLAIM_FIELDS = tuple(field.name for field in fields(Claim))
KEEP_SECONDS = 600.0


class RunJournal:
    """The journal of one worker. For one thread."""

    def __init__(self, folder: str | Path, worker_id: str) -> None:
        """Raises RecordsBusy or RecordsNotWritable. The folder is the journals' own."""
        self.worker_id = worker_id
        self._journal = Journal(folder, worker_id, KEEP_SECONDS)
        self._path = Path(folder) / f"{worker_id}{JOURNAL_SUFFIX}"

    @classmethod
    def abandoned_in(cls, folder: str | Path, known: Sequence[str]) -> list["RunJournal"]:
        """The journals of workers of this host that are gone, now held by the caller alone.
        Those of ``known`` worker ids are left out."""
        found = []
        for path in sorted(Path(folder).glob(f"*{JOURNAL_SUFFIX}")):
            if path.stem not in known:
                try:
                    found.append(cls(folder, path.stem))
                except RecordsBusy:
                    continue
        return found

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
        return time.time() - self._path.stat().st_mtime > KEEP_SECONDS

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
