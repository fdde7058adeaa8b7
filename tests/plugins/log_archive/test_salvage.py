"""A worker lost with its disk: what it had uploaded is its log."""

import shutil

import pytest

from scheduler.models import JobRun, JobRunDetail
from scheduler_log_archive.bucket import Bucket, Headers
from scheduler_log_archive.errors import ObjectMissing
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.keys import Keys, LogName, key_in
from scheduler_log_archive.salvage import BEGIN_SECONDS, PAUSE_SECONDS, Salvage
from tests.plugins.log_archive.conftest import BUCKET
from tests.plugins.log_archive.machines import (
    Machine,
    a_lease,
    a_run,
    chunk_keys,
    end_run,
    read,
    recorded,
    whole,
)


@pytest.fixture
def board():
    return FigureBoard()


@pytest.fixture
def salvage(machine, settings, board, time):
    bucket = Bucket(settings)
    salvage = Salvage(lambda: bucket, board, time)
    time.passes(BEGIN_SECONDS)
    return salvage


def test_a_process_that_has_just_begun_is_left_to_its_work(settings, board, time):
    assert Salvage(lambda: Bucket(settings), board, time).tick() == BEGIN_SECONDS


def a_killed_machine(machine, time, *pieces):
    """A run prints pieces, each goes up; then the worker is killed and its disk is gone."""
    run = a_run(worker_id="w-dead")
    for piece in pieces:
        machine.write(run, piece)
        machine.uploads.tick()
        time.passes(5)
    machine.write(run, b"printed after the last chunk")
    machine.uploads.close()
    shutil.rmtree(machine.folder)
    return run


def test_the_log_of_a_lost_machine_reads_up_to_the_last_chunk_at_once(machine, settings, time):
    run = a_killed_machine(machine, time, b"one\n", b"two\n")
    assert whole(settings, run) == b"one\ntwo\n"
    end_run(run, at=time.now, state="ORPHANED")
    assert whole(settings, run) == b"one\ntwo\n"


def test_after_a_grace_the_leader_makes_one_log_of_the_chunks(
    machine, settings, time, salvage, board
):
    run = a_killed_machine(machine, time, b"one\n", b"two\n")
    end_run(run, at=time.now, state="ORPHANED")
    salvage.tick()
    assert recorded(run) == "", "its machine may come back"
    time.passes(settings.log_archive_salvage_after_seconds)
    assert salvage.tick() == PAUSE_SECONDS
    assert key_in(recorded(run), BUCKET, run)
    assert chunk_keys(settings, run) == []
    piece = read(settings, run)
    assert (piece.data, piece.complete) == (b"one\ntwo\n", False)
    assert board.read().salvaged == 1
    salvage.tick()
    assert board.read().salvaged == 1


def test_a_machine_that_comes_back_later_puts_the_whole_log_in_its_place(
    machine, settings, time, salvage
):
    run = a_run(worker_id="w-dead")
    machine.write(run, b"one\n")
    machine.uploads.tick()
    machine.write(run, b"two\n")
    end_run(run, at=time.now, state="ORPHANED")
    time.passes(settings.log_archive_salvage_after_seconds)
    salvage.tick()
    assert whole(settings, run) == b"one\n"
    machine.restart().tick()
    assert whole(settings, run) == b"one\ntwo\n"
    assert read(settings, run).complete


def test_the_leader_never_replaces_a_whole_log(machine, settings, time, salvage):
    """The worker had uploaded all, and was killed before it could tell the database."""
    run = a_killed_machine(machine, time, b"one\n")
    elsewhere = Machine(machine.folder, settings, time)
    elsewhere.write(run, b"one\ntwo\n")
    end_run(run, at=time.now, state="ORPHANED")
    elsewhere.worker.runs.clear()
    elsewhere.uploads.tick()
    whole_key = key_in(recorded(run), BUCKET, run)
    bucket, keys = Bucket(settings), Keys(settings.log_archive_prefix)
    forget_address(run)
    name = next(iter(elsewhere.worker.local_logs()))
    bucket.put(keys.chunk(LogName.of(name), 0), b"one\n", Headers({}))
    time.passes(settings.log_archive_salvage_after_seconds)
    salvage.tick()
    elsewhere.uploads.close()
    assert whole(settings, run) == b"one\ntwo\n"
    assert key_in(recorded(run), BUCKET, run) == whole_key
    assert chunk_keys(settings, run) == []


def forget_address(run):
    JobRunDetail.objects.filter(pk=run).update(log_ref="")


def test_a_run_whose_worker_lives_is_left_to_it(machine, settings, time, salvage):
    a_lease("w-1")
    run = a_run(worker_id="w-1")
    machine.write(run, b"one\n")
    machine.uploads.tick()
    end_run(run, at=time.now)
    time.passes(settings.log_archive_salvage_after_seconds)
    salvage.tick()
    assert recorded(run) == ""
    assert len(chunk_keys(settings, run)) == 1


def test_a_run_that_goes_on_is_left_alone(machine, settings, time, salvage):
    run = a_killed_machine(machine, time, b"one\n")
    time.passes(86_400)
    salvage.tick()
    assert whole(settings, run) == b"one\n"
    assert len(chunk_keys(settings, run)) == 1


def test_chunks_left_of_an_archived_log_go(machine, settings, time, salvage):
    a_lease("w-1")
    run = a_run(worker_id="w-1")
    machine.write(run, b"one\n")
    machine.uploads.tick()
    kept = [(key, Bucket(settings).read(key, 0, 4)) for key in chunk_keys(settings, run)]
    machine.end(run)
    machine.uploads.tick()
    for key, data in kept:
        Bucket(settings).put(key, data, Headers({}))
    time.passes(settings.log_archive_salvage_after_seconds)
    salvage.tick()
    assert chunk_keys(settings, run) == []
    assert whole(settings, run) == b"one\n"


def test_runs_that_the_database_does_not_know_are_left_alone(machine, settings, time, salvage):
    run = a_killed_machine(machine, time, b"another cluster's\n")
    JobRun.objects.all().delete()
    time.passes(864_000)
    salvage.tick()
    assert len(chunk_keys(settings, run)) == 1


def test_a_worker_that_clears_its_chunks_away_meanwhile_is_no_failure(
    machine, settings, time, salvage, board, monkeypatch
):
    run = a_killed_machine(machine, time, b"one\n")
    end_run(run, at=time.now, state="ORPHANED")
    time.passes(settings.log_archive_salvage_after_seconds)

    def gone(self, key, *_):
        raise ObjectMissing(key)

    monkeypatch.setattr(Bucket, "read", gone)
    salvage.tick()
    assert board.read().failures == 0
    assert recorded(run) == ""


def test_chunks_that_overlap_make_the_log_once(machine, settings, time):
    """A worker whose marks were lost sends from the begin again, in other pieces."""
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    machine.write(run, b"two\n")
    time.passes(5)
    machine.uploads.tick()
    shutil.rmtree(machine.folder / ".archive")
    machine.restart()
    machine.write(run, b"three\n")
    machine.uploads.tick()
    assert whole(settings, run) == b"one\ntwo\nthree\n"
    assert read(settings, run, 5, 3).data == b"wo\n"
