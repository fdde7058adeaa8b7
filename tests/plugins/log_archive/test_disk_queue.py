"""The disk as the queue: marks, folders, files that come and go; against a real SeaweedFS."""

import errno
import os
from pathlib import Path

import pytest

from scheduler_log_archive.marks import Marks
from tests.plugins.log_archive.machines import (
    a_run,
    look,
    recorded,
    whole,
)


def test_what_was_archived_is_not_sent_again_after_a_restart(machine):
    machine.run_and_end(b"hello\n")
    machine.uploads.tick()
    sent = machine.board.read().uploaded_bytes
    machine.restart().tick()
    assert machine.board.read().uploaded_bytes == sent > 0


def test_local_files_go_when_the_setting_says_so(machine, make_settings):
    machine.settings = make_settings(log_local_delete_after_upload=True)
    machine.restart()
    run = machine.run_and_end(b"hello\n")
    machine.uploads.tick()
    assert not machine.path(run).exists()
    assert machine.marks() == set()
    assert whole(machine.settings, run) == b"hello\n"


def test_archived_logs_go_after_their_retention_and_others_stay(machine, time, monkeypatch):
    monkeypatch.setenv("SCHEDULER_LOG_LOCAL_RETENTION_HOURS", "1")
    old, running = machine.run_and_end(b"old"), a_run()
    machine.write(running, b"still going")
    machine.uploads.tick()
    for run in (old, running):
        os.utime(machine.path(run), (time.now - 3601, time.now - 3601))
    time.passes(3601)
    machine.uploads.tick()
    assert not machine.path(old).exists()
    assert machine.path(running).exists()
    assert machine.marks() == {f"{running}.sent"}


@pytest.fixture
def full_disk(monkeypatch):
    """No mark can be written."""
    write = Path.write_text

    def full(self, text, *args, **kwargs):
        if ".archive" in self.parts:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, text, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    return monkeypatch


def test_on_a_full_disk_logs_are_archived_without_marks(machine, settings, full_disk, time):
    run = a_run()
    machine.write(run, b"one")
    machine.uploads.tick()
    machine.write(run, b"two")
    time.passes(5)
    machine.uploads.tick()
    assert machine.board.read().uploaded_bytes == 6, "what was sent is known without a mark"
    machine.end(run)
    machine.uploads.tick()
    machine.uploads.tick()
    assert whole(settings, run) == b"onetwo"
    assert machine.board.read().archived == 1


def test_marks_lost_on_a_full_disk_cost_an_upload_and_nothing_else(machine, settings, full_disk):
    run = machine.run_and_end(b"hello")
    machine.uploads.tick()
    full_disk.undo()
    machine.restart().tick()
    assert machine.board.read().archived == 2
    assert whole(settings, run) == b"hello"
    assert Marks(machine.folder).done(run) is not None


def test_a_log_that_may_not_be_read_holds_up_no_other(machine, settings, monkeypatch):
    bad, good = machine.run_and_end(b"bad"), machine.run_and_end(b"good")
    opened = Path.open

    def refuse(self, *args, **kwargs):
        if self == machine.path(bad):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        machine.uploads.tick()
        assert whole(settings, good) == b"good"
        assert machine.board.read().waiting == 1
    machine.time.passes(5)
    machine.uploads.tick()
    assert whole(settings, bad) == b"bad"


def test_a_log_deleted_meanwhile_is_no_failure(machine):
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    gone = machine.run_and_end(b"y")
    look(machine.uploads)
    machine.path(gone).unlink()
    machine.uploads.tick()
    assert (machine.board.read().failures, machine.board.read().waiting) == (0, 0)
    assert recorded(run)


def test_a_folder_is_read_again_only_when_something_changed_in_it(machine, time, monkeypatch):
    first = machine.run_and_end(b"x", "first")
    machine.run_and_end(b"x", "second")
    for folder in machine.path(first).parents[1].iterdir():
        os.utime(folder, (time.now - 60, time.now - 60))
    machine.uploads.tick()
    listed = []
    listdir = os.listdir

    def noted(path):
        listed.append(Path(path).name)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", noted)
    machine.uploads.tick()
    assert listed == []
    run = machine.run_and_end(b"y", "second")
    machine.uploads.tick()
    assert listed == ["second"]
    assert recorded(run)


def test_what_else_lies_in_the_folder_is_left_alone(machine):
    machine.run_and_end(b"x")
    strangers = [
        machine.folder / "2026-01-31" / "job" / "notes.log",
        machine.folder / "2026-01-31" / "job" / "data.bin",
        machine.folder / "not-a-day" / "job" / "0190f3a0-0000-7000-8000-000000000001.log",
        machine.folder / "2026-01-31" / "0190f3a0-0000-7000-8000-000000000002.log",
    ]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    machine.uploads.tick()
    machine.time.passes(3601)
    machine.uploads.tick()
    assert machine.board.read().archived == 1
    assert all(path.exists() for path in strangers)


def test_empty_folders_of_days_past_go_and_those_of_today_stay(machine, make_settings, time):
    machine.settings = make_settings(log_local_delete_after_upload=True)
    machine.restart()
    run = machine.run_and_end(b"x")
    today = machine.path(run).parent
    machine.uploads.tick()
    time.passes(3601)
    machine.uploads.tick()
    assert today.is_dir(), "a run may be about to write there"
    time.passes(3 * 86_400)
    machine.uploads.tick()
    assert not today.parent.exists()
