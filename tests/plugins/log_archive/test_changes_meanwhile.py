"""What changes under the uploads: the clock, the bucket, the settings, a file, a right."""

import errno
import fcntl
import os
import shutil

import pytest
import structlog

from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.errors import ArchiveRefused, ArchiveUnavailable, BucketMissing
from scheduler_log_archive.worker_uploads import WorkerUploads
from tests.plugins.log_archive.machines import FakeTime, a_run, chunk_keys, recorded, whole

# ------------------------------------------------------------------------------------ clocks


@pytest.fixture
def wall(machine, time):
    """The machine's clock on the wall, which can be set."""
    wall = FakeTime()
    machine.uploads = WorkerUploads(
        machine.worker,
        lambda: machine.bucket,
        machine.board,
        clock=wall,
        steady=time,
        chance=lambda: 1.0,
    )
    return wall


@pytest.mark.parametrize("jump", [-86_400, 86_400], ids=["back", "forward"])
def test_a_clock_that_is_set_delays_no_chunk(machine, settings, time, wall, jump):
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    wall.passes(jump)
    machine.write(run, b"two\n")
    assert machine.uploads.tick() <= settings.log_archive_chunk_seconds
    time.passes(settings.log_archive_chunk_seconds)
    machine.uploads.tick()
    assert whole(settings, run) == b"one\ntwo\n"


def test_a_clock_that_is_set_back_lengthens_no_outage(machine, settings, time, wall, monkeypatch):
    run = machine.run_and_end(b"x")

    def away(self, *_):
        raise ArchiveUnavailable("there", "no route")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", away)
        machine.uploads.tick()
    wall.passes(-86_400)
    time.passes(1)
    machine.uploads.tick()
    assert whole(settings, run) == b"x"


# ------------------------------------------------------------------------- bucket and settings


def empty(bucket):
    bucket.delete([key for key, _ in bucket.list(bucket.settings.log_archive_prefix)])


def test_a_bucket_that_vanishes_is_made_again_and_gets_the_chunks_from_the_begin(
    machine, make_settings, time, monkeypatch
):
    settings = machine.settings = make_settings(
        log_archive_bucket="vanishing", log_archive_expire_days=7
    )
    machine.restart()
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    bucket = Bucket(settings)
    empty(bucket)
    bucket._client.delete_bucket(Bucket=bucket.name)

    def as_s3_answers(self, *_):
        raise BucketMissing("vanishing at host")

    machine.write(run, b"two\n")
    time.passes(5)
    with monkeypatch.context() as patch:
        # This store makes a bucket of any name that it is given.
        patch.setattr(Bucket, "put", as_s3_answers)
        machine.uploads.tick()
    assert "NoSuchBucket" in machine.board.read().trouble
    time.passes(5)
    machine.uploads.tick()
    assert whole(settings, run) == b"one\ntwo\n"
    assert machine.board.read().trouble == ""
    rules = bucket._client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert len(rules) == 1, "made by us, as the settings say"


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_a_run_whose_archive_is_moved_has_all_its_chunks_in_the_new_place(
    machine, make_settings, time, restarts
):
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    moved = machine.settings = make_settings()
    if restarts:
        machine.restart()
    machine.bucket = Bucket(moved)
    machine.write(run, b"two\n")
    time.passes(5)
    machine.uploads.tick()
    assert whole(moved, run) == b"one\ntwo\n"


def test_without_the_right_to_delete_logs_are_archived_once_and_it_is_said(
    machine, settings, time, monkeypatch
):
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    machine.end(run)

    def refused(self, keys):
        raise ArchiveRefused("there", "AccessDenied", "give the key the right to delete")

    monkeypatch.setattr(Bucket, "delete", refused)
    with structlog.testing.capture_logs() as logged:
        machine.uploads.tick()
        sent = machine.board.read().uploaded_bytes
        for _ in range(3):
            time.passes(900)
            machine.uploads.tick()
    assert [line["event"] for line in logged] == ["log_chunks_left"]
    assert machine.marks() == {f"{run}.done"}
    assert machine.board.read().uploaded_bytes == sent
    assert (machine.board.read().archived, machine.board.read().failures) == (1, 1)


# ------------------------------------------------------------------------------------- the file


def test_what_is_written_after_a_log_was_archived_is_archived_before_the_file_goes(
    machine, make_settings, time, monkeypatch
):
    """A child of the run lives on, and the machine is to delete what is archived."""
    settings = machine.settings = make_settings(log_local_delete_after_upload=True)
    machine.restart()
    run = machine.run_and_end(b"early\n")

    def record_and_write(addresses):
        record_log_refs(addresses)
        with machine.path(run).open("ab") as file:
            file.write(b"late\n")
        os.utime(machine.path(run), (time.now, time.now))

    with monkeypatch.context() as patch:
        patch.setattr("scheduler_log_archive.worker_uploads.record_log_refs", record_and_write)
        machine.uploads.tick()
    assert whole(settings, run) == b"early\n"
    assert machine.path(run).exists(), "it holds more than the archive"
    os.utime(machine.path(run).parent, (time.now - 60, time.now - 60))
    machine.uploads.tick()
    time.passes(3601)
    machine.uploads.tick()
    machine.uploads.tick()
    assert whole(settings, run) == b"early\nlate\n"
    assert not machine.path(run).exists()
    assert machine.marks() == set()


def test_the_end_of_a_log_that_a_machine_without_power_lost_is_not_lost_in_the_archive(
    machine, settings, time
):
    """What had gone up was not yet on the disk for good: the file is shorter afterwards."""
    run = a_run()
    for piece in (b"one\n", b"two\n"):
        machine.write(run, piece)
        machine.uploads.tick()
        time.passes(5)
    os.truncate(machine.path(run), 4)
    machine.restart()
    machine.end(run)
    with structlog.testing.capture_logs() as logged:
        machine.uploads.tick()
    assert "log_shorter_than_its_chunks" in [line["event"] for line in logged]
    assert recorded(run)
    assert len(chunk_keys(settings, run)) == 2, "left to the leader"


def test_a_log_folder_on_nfs_is_archived_too(machine, settings, monkeypatch):
    """There an exclusive lock is refused for a file that is not open for writing."""
    flock = fcntl.flock

    def as_nfs(file, operation):
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", as_nfs)
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    assert whole(settings, run) == b"x"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_log_that_may_only_be_read_is_archived_too(machine, settings, monkeypatch, code):
    """A disk with errors is mounted anew, for reading."""
    path = machine.path(run := machine.run_and_end(b"x"))
    opened = type(path).open

    def read_only(self, mode="r", *args, **kwargs):
        if "+" in mode:
            raise OSError(code, "not for writing")
        return opened(self, mode, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "open", read_only)
        machine.uploads.tick()
    assert whole(settings, run) == b"x"


def test_marks_lost_with_their_folder_cost_an_upload_and_no_byte(machine, settings, time):
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    shutil.rmtree(machine.folder / ".archive")
    machine.write(run, b"two\n")
    time.passes(5)
    machine.uploads.tick()
    assert whole(settings, run) == b"one\ntwo\n"
