"""The journal of claims and results: what goes in comes out, for ten minutes, whatever the disk."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from scheduler.domain.values import Claim, Reason, ResourceUse, RunResult, RunState
from scheduler.execution import records
from scheduler.execution.journal import KEEP_SECONDS, Journal, RunJournal
from scheduler.execution.records import RecordsNotWritable


@contextmanager
def full_disk() -> Iterator[None]:
    def full(fd: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_write_all", full)
        yield


def claim_at(at: float) -> Claim:
    return Claim(
        run_id=uuid4(),
        definition_id=3,
        slot_key="m:1",
        attempt=2,
        orphan_count=1,
        scheduled_for=datetime(2026, 11, 23, 6, 0, 0, 250, tzinfo=UTC),
        assign_seq=(41 << 32) | 7,
        claim_token=uuid4(),
        worker_id="w-1",
        args={"days": [1, 2], "name": "日報"},
        at=at,
    )


def a_result() -> RunResult:
    use = ResourceUse(1.5, 0.5, 1000, None, 7)
    return RunResult(uuid4(), uuid4(), RunState.FAILED, Reason.EXIT_CODE, 3, "no", 10.0, use)


def test_what_goes_in_comes_out_in_the_next_process_too(tmp_path):
    claims, results = [claim_at(100.0), claim_at(100.0)], [a_result()]
    journal = RunJournal(tmp_path, "w-1")
    journal.claimed(claims)
    journal.finished(results, 101.0)
    journal.close()
    again = RunJournal(tmp_path, "w-1")
    assert again.claims(0.0) == claims
    assert again.results(0.0) == results
    assert again.claims(100.5) == []
    again.close()


def test_a_claim_keeps_the_event_that_started_its_run(tmp_path):
    claim = replace(claim_at(100.0), event_id=uuid4(), event_json='{"payload":"注文"}')
    journal = RunJournal(tmp_path, "w-1")
    journal.claimed([claim])
    assert journal.claims(0.0) == [claim]
    journal.close()


def test_a_claim_that_an_earlier_version_wrote_is_understood(tmp_path):
    claim = claim_at(100.0)
    journal = RunJournal(tmp_path, "w-1")
    journal.claimed([claim])
    journal.close()
    (path,) = tmp_path.glob("*.journal")
    path.write_text(path.read_text().replace(',"event_id":null,"event_json":null', ""))
    assert "event" not in path.read_text()
    again = RunJournal(tmp_path, "w-1")
    assert again.claims(0.0) == [claim]
    again.close()


def test_no_claim_writes_nothing(tmp_path):
    journal = RunJournal(tmp_path, "w-1")
    journal.claimed([])
    assert journal.claims(0.0) == []
    journal.close()


def test_what_is_older_than_ten_minutes_is_forgotten(tmp_path):
    journal = RunJournal(tmp_path, "w-1")
    journal.claimed([claim_at(0.0)])
    journal.claimed([new := claim_at(KEEP_SECONDS + 1.0)])
    assert journal.claims(0.0) == [new]
    journal.close()


def test_a_full_disk_is_said_and_the_memory_keeps_what_it_refused(tmp_path):
    journal = RunJournal(tmp_path, "w-1")
    with full_disk(), pytest.raises(RecordsNotWritable):
        journal.claimed([kept := claim_at(1.0)])
    assert journal.claims(0.0) == [kept]
    journal.close()


def test_only_the_journals_of_the_dead_are_abandoned(tmp_path):
    mine, living = RunJournal(tmp_path, "w-me"), RunJournal(tmp_path, "w-living")
    dead = RunJournal(tmp_path, "w-dead")
    dead.close()
    found = RunJournal.abandoned_in(tmp_path, ["w-me"])
    assert [journal.worker_id for journal in found] == ["w-dead"]
    assert RunJournal.abandoned_in(tmp_path, []) == []
    for journal in (mine, living, *found):
        journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_nobody_wrote_to_for_ten_minutes_is_old(tmp_path):
    journal = RunJournal(tmp_path, "w-1")
    journal.claimed([claim_at(1.0)])
    assert not journal.is_old()
    past = time.time() - KEEP_SECONDS - 1.0
    os.utime(tmp_path / "w-1.journal", (past, past))
    assert journal.is_old()
    journal.close()


def test_what_a_full_disk_refused_is_written_once_there_is_space(tmp_path):
    journal = RunJournal(tmp_path, "w-1")
    with full_disk(), pytest.raises(RecordsNotWritable):
        journal.claimed([first := claim_at(1.0)])
    journal.claimed([second := claim_at(2.0)])
    journal.close()
    again = RunJournal(tmp_path, "w-1")
    assert again.claims(0.0) == [first, second]
    again.close()


def test_a_journal_in_use_grows_neither_in_memory_nor_without_end_on_disk(tmp_path):
    journal = RunJournal(tmp_path, "w-1")
    for second in range(2000):
        journal.claimed([claim_at(float(second))] * 5)
    kept = len(journal.claims(0.0))
    assert kept == 5 * (KEEP_SECONDS + 1)
    assert (tmp_path / "w-1.journal").read_bytes().count(b"\n") <= 2 * kept
    held = sum(isinstance(each, (str, bytes, dict)) for each in vars(journal._journal).values())
    assert held == 0
    journal.close()


def test_journal_gives_what_was_written_since(tmp_path):
    journal = Journal(tmp_path, "w-1", KEEP_SECONDS)
    journal.append("claim", [{"run": 1}], now=100.0)
    journal.append("finish", [{"run": 1}, {"run": 2}], now=200.0)
    assert [(e.kind, e.row["run"]) for e in journal.entries_since(0)] == [
        ("claim", 1),
        ("finish", 1),
        ("finish", 2),
    ]
    assert [e.at for e in journal.entries_since(200.0)] == [200.0, 200.0]
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_journal_forgets_what_is_old_in_memory_and_on_disk(tmp_path):
    journal = Journal(tmp_path, "w-1", keep_seconds=600)
    journal.append("claim", [{"run": n} for n in range(3000)], now=0.0)
    journal.append("claim", [{"run": "new"}], now=601.0)
    assert [e.row["run"] for e in journal.entries_since(0)] == ["new"]
    assert (tmp_path / "w-1.journal").read_bytes().count(b"\n") == 1
    journal.close()


def test_journal_survives_its_process(tmp_path):
    journal = Journal(tmp_path, "w-1", KEEP_SECONDS)
    journal.append("claim", [{"token": uuid4()}], now=100.0)
    before = [str(e.row["token"]) for e in journal.entries_since(0)]
    journal.close()
    again = Journal(tmp_path, "w-1", KEEP_SECONDS)
    assert [e.row["token"] for e in again.entries_since(0)] == before
    again.close()
