"""A worker lost with its disk: what it had uploaded is its log."""

import shutil

import pytest
import structlog

from scheduler.models import JobRun, JobRunDetail
from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.bucket import Bucket, Headers
from scheduler_log_archive.errors import ObjectMissing, ObjectRefused
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.keys import Keys, LogName, key_in
from scheduler_log_archive.reading import log_ref
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
    salvage = Salvage(lambda: bucket, board, time, time, chance=lambda: 1.0)
    time.passes(BEGIN_SECONDS)
    return salvage


def test_a_process_that_has_just_begun_is_left_to_its_work(settings, board, time):
    assert Salvage(lambda: Bucket(settings), board, time, time).tick() == BEGIN_SECONDS


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


# ------------------------------------------------------------------------- what is not as usual


@pytest.fixture
def lost_run(machine, time, settings):
    """A run of a lost machine, in three chunks, that has ended long enough ago."""
    run = a_killed_machine(machine, time, b"one\n", b"two\n", b"three\n")
    end_run(run, at=time.now, state="ORPHANED")
    time.passes(settings.log_archive_salvage_after_seconds)
    return run


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        (0, b"\n[scheduler: bytes 0 to 3 of this log were lost]\ntwo\nthree\n"),
        (1, b"one\n\n[scheduler: bytes 4 to 7 of this log were lost]\nthree\n"),
    ],
)
def test_a_chunk_that_is_missing_is_told_of_in_the_log_and_costs_nothing_behind_it(
    settings, salvage, lost_run, gone, text
):
    """It expired, say, while a long run went on."""
    Bucket(settings).delete([chunk_keys(settings, lost_run)[gone]])
    salvage.tick()
    assert whole(settings, lost_run) == text
    assert chunk_keys(settings, lost_run) == []


def test_the_chunks_make_a_log_anew_where_they_hold_more_than_what_is_archived(
    settings, salvage, lost_run
):
    """The machine lost its power and the end of the file, and stored what was left of it."""
    bucket = Bucket(settings)
    key = f"{settings.log_archive_prefix}/2026-01-31/job/{lost_run}.log"
    bucket.put(key, b"one\n", Headers({"size": "4", "sha256": "", "complete": "1"}))
    record_log_refs({lost_run: log_ref(bucket, key)})
    salvage.tick()
    assert whole(settings, lost_run) == b"one\ntwo\nthree\n"
    assert not read(settings, lost_run).complete
    assert chunk_keys(settings, lost_run) == []


def test_a_log_whose_object_was_lost_is_made_of_the_chunks_that_are_left(
    settings, salvage, lost_run
):
    bucket = Bucket(settings)
    key = f"{settings.log_archive_prefix}/2026-01-31/job/{lost_run}.log"
    record_log_refs({lost_run: log_ref(bucket, key)})
    salvage.tick()
    assert whole(settings, lost_run) == b"one\ntwo\nthree\n"


def test_a_log_that_cannot_be_made_keeps_no_other_from_being_made(
    machine, settings, time, salvage, board, lost_run, monkeypatch
):
    other = Machine(machine.folder, settings, time)
    good = a_killed_machine(other, time, b"good\n")
    end_run(good, at=time.now - settings.log_archive_salvage_after_seconds, state="ORPHANED")
    assert lost_run < good, "it comes first"
    put = Bucket.put

    def refuse(self, key, *args):
        if str(lost_run) in key:
            raise ObjectRefused(key, "EntityTooLarge")
        return put(self, key, *args)

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logged:
        patch.setattr(Bucket, "put", refuse)
        salvage.tick()
        salvage.tick()
    events = [(line["event"], line["run_id"]) for line in logged]
    assert events == [("log_not_salvaged", str(lost_run)), ("log_salvaged", str(good))]
    assert whole(settings, good) == b"good\n"
    assert (board.read().failures, board.read().trouble) == (1, "")
    time.passes(PAUSE_SECONDS)
    salvage.tick()
    assert recorded(lost_run)
