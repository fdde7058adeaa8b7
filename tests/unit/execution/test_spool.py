"""Results on disk: torn lines, full disks, restarts, other workers."""

import os
from uuid import uuid4

import pytest

from scheduler.domain.values import Reason, ResourceUse, RunResult, RunState
from scheduler.execution import records
from scheduler.execution.records import RecordFile, RecordsBusy, RecordsNotWritable
from scheduler.execution.spool import Spool, result_from_row, result_row


def result_of(state=RunState.SUCCEEDED, **options):
    return RunResult(uuid4(), uuid4(), state, **options)


FULL = {
    "state": RunState.FAILED,
    "reason": Reason.EXIT_CODE,
    "exit_code": 3,
    "error": "終了コード 3",
    "retry_delay_seconds": 1.5,
    "use": ResourceUse(1.0, 2.0, 3, None, 5),
    "log_ref": "2026-03-09/job/x.log",
}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def open_spool(folder):
    opened = []

    def open_one(worker_id="w-1"):
        opened.append(Spool(folder, worker_id))
        return opened[-1]

    yield open_one
    for spool in opened:
        try:
            spool.close()
        except OSError:
            continue


def test_result_comes_back_as_it_went():
    result = result_of(**FULL)
    assert result_from_row(result_row(result)) == result


def test_result_of_a_newer_build_loses_only_what_is_unknown():
    result = result_of()
    assert result_from_row({**result_row(result), "novelty": 1}) == result


def test_pending_results_survive_a_restart(open_spool):
    results = [result_of(**FULL), result_of()]
    spool = open_spool()
    spool.append(results)
    spool.close()
    assert open_spool().pending() == results


def test_acknowledged_results_are_not_replayed_after_a_restart(open_spool):
    first, second = result_of(), result_of()
    spool = open_spool()
    spool.append([first, second])
    spool.acknowledge([first.claim_token])
    assert spool.pending() == [second]
    spool.close()
    assert open_spool().pending() == [second]


def test_spool_is_empty_on_disk_when_all_is_acknowledged(open_spool, folder):
    result = result_of()
    spool = open_spool()
    spool.append([result])
    spool.acknowledge([result.claim_token])
    assert (folder / "w-1.spool").read_bytes() == b""
    spool.append([second := result_of()])
    spool.close()
    assert open_spool().pending() == [second]


def test_torn_last_line_is_cut_and_what_follows_is_whole(open_spool, folder):
    whole, after = result_of(), result_of()
    spool = open_spool()
    spool.append([whole])
    spool.close()
    with (folder / "w-1.spool").open("ab") as file:
        file.write(b'{"result":{"run_id":"018f')
    spool = open_spool()
    assert spool.pending() == [whole]
    spool.append([after])
    spool.close()
    assert open_spool().pending() == [whole, after]


def test_unreadable_line_costs_only_itself(open_spool, folder):
    before, after = result_of(), result_of()
    spool = open_spool()
    spool.append([before])
    spool.close()
    with (folder / "w-1.spool").open("ab") as file:
        file.write(b"\x00\x00\x00\n")
    spool = open_spool()
    spool.append([after])
    assert spool.pending() == [before, after]
    spool.close()
    assert open_spool().pending() == [before, after]


def test_same_result_twice_is_kept_once(open_spool):
    result = result_of()
    spool = open_spool()
    spool.append([result])
    spool.append([result])
    assert spool.pending() == [result]


def test_spool_of_a_living_worker_is_not_taken(open_spool, folder):
    open_spool().append([result_of()])
    assert Spool.abandoned_in(folder) == []
    with pytest.raises(RecordsBusy, match=r"w-1\.spool is held by another process"):
        Spool(folder, "w-1")


def test_spool_of_a_dead_worker_is_replayed_once_and_removed(open_spool, folder):
    result = result_of()
    dead = open_spool("w-dead")
    dead.append([result])
    dead.close()
    open_spool("w-me")
    (found,) = Spool.abandoned_in(folder, mine="w-me")
    assert (found.worker_id, found.pending()) == ("w-dead", [result])
    assert Spool.abandoned_in(folder, mine="w-me") == []
    found.acknowledge([result.claim_token])
    found.remove()
    assert sorted(path.name for path in folder.iterdir()) == ["w-me.lock", "w-me.spool"]


def test_a_spool_that_cannot_be_opened_is_left_and_the_others_are_found(open_spool, folder):
    open_spool("w-a").close()
    (folder / "w-b.spool").mkdir()
    open_spool("w-c").close()
    found = Spool.abandoned_in(folder)
    assert [spool.worker_id for spool in found] == ["w-a", "w-c"]
    for spool in found:
        spool.close()
    (folder / "w-b.spool").rmdir()
    Spool(folder, "w-b").close()


def test_no_folder_means_no_abandoned_spool(folder):
    assert Spool.abandoned_in(folder) == []


def test_append_that_fails_half_way_leaves_no_half(open_spool, monkeypatch):
    kept, lost = result_of(), result_of()
    spool = open_spool()
    spool.append([kept])

    def half(fd, data):
        os.write(fd, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(records, "_write_all", half)
        with pytest.raises(RecordsNotWritable, match="No space left on device"):
            spool.append([lost])
    assert spool.pending() == [kept]
    spool.close()
    assert open_spool().pending() == [kept]


def test_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordsNotWritable, match="cannot be written"):
        Spool(tmp_path / "file" / "spool", "w-1")


def test_records_are_on_the_disk_when_append_returns(tmp_path, monkeypatch):
    synced = []
    file = RecordFile(tmp_path / "a.spool", durable=True)
    monkeypatch.setattr(os, "fsync", synced.append)
    file.append([{"a": 1}])
    assert len(synced) == 1
    file.close()
