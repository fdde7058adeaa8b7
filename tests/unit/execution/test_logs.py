"""Log files: names that cannot escape, pieces, and age."""

import os
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from scheduler.execution import logs

RUN = UUID("018f0000-0000-7000-8000-000000000001")


def test_path_is_day_then_job_then_run():
    path = logs.log_path("/var/log/jobs", date(2026, 3, 9), "Nightly report", RUN)
    assert path == Path(f"/var/log/jobs/2026-03-09/Nightly-report/{RUN}.log")


@pytest.mark.parametrize(
    "name", ["../../etc", "..", "/etc/passwd", ".", "", "a/../../b", "\0", "~"]
)
def test_no_job_name_leaves_the_folder(name):
    path = logs.log_path("/logs", date(2026, 3, 9), name, RUN)
    assert os.path.normpath(path) == str(path)
    assert len(path.relative_to("/logs/2026-03-09").parts) == 2


def test_japanese_names_stay_readable():
    assert logs.job_slug("月次 集計") == "月次-集計"


def test_long_name_fits_a_folder_name_and_is_not_cut_within_a_letter():
    slug = logs.job_slug("あ" * 300)
    assert set(slug) == {"あ"}
    assert len(slug.encode()) <= 255


def test_log_is_read_piece_by_piece_from_where_one_was(tmp_path):
    log = tmp_path / "run.log"
    log.write_bytes(b"one\ntwo\n")
    assert logs.read_log(log, 0, 4) == (b"one\n", 4, 8)
    assert logs.read_log(log, 4, 100) == (b"two\n", 8, 8)
    assert logs.read_log(log, 8, 100) == (b"", 8, 8)
    with log.open("ab") as more:
        more.write(b"three\n")
    assert logs.read_log(log, 8, 100) == (b"three\n", 14, 14)


def test_tail_counts_from_the_end(tmp_path):
    log = tmp_path / "run.log"
    log.write_bytes(b"0123456789")
    assert logs.read_log(log, -3, 100) == (b"789", 10, 10)
    assert logs.read_log(log, -99, 4) == (b"0123", 4, 10)


def test_offset_past_the_end_gives_nothing(tmp_path):
    log = tmp_path / "run.log"
    log.write_bytes(b"abc")
    assert logs.read_log(log, 99, 10) == (b"", 3, 3)


def test_missing_log_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        logs.read_log(tmp_path / "none.log", 0, 10)


def log_of_age(folder, name, mtime):
    path = folder / "2026-03-09" / name / f"{RUN}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"12345")
    os.utime(path, (mtime, mtime))
    return path


def test_old_logs_go_with_the_folders_they_empty(tmp_path):
    old, young = log_of_age(tmp_path, "old", 1000), log_of_age(tmp_path, "young", 2000)
    assert logs.delete_old_logs(tmp_path, 1500) == logs.Swept(files=1, freed=5)
    assert not old.parent.exists()
    assert young.exists()


def test_only_logs_are_deleted(tmp_path):
    log = log_of_age(tmp_path, "old", 1000)
    other = log.parent / "notes.txt"
    other.write_text("mine")
    os.utime(other, (1000, 1000))
    assert logs.delete_old_logs(tmp_path, 1500) == logs.Swept(files=1, freed=5)
    assert other.exists()


def test_nothing_to_delete_is_no_error(tmp_path):
    assert logs.delete_old_logs(tmp_path / "none", 1500) == logs.Swept()


def named(folder, run, mtime):
    path = log_of_age(folder, "job", mtime)
    return path.rename(path.with_name(f"{run}.log"))


def test_old_logs_that_somebody_waits_for_stay_and_are_counted(tmp_path):
    waited_for, gone = named(tmp_path, uuid4(), 1200.0), named(tmp_path, uuid4(), 1000.0)
    asked = []

    def keep(runs):
        asked.extend(runs)
        return {UUID(waited_for.stem)}

    swept = logs.delete_old_logs(tmp_path, 1500, keep)
    assert swept == logs.Swept(files=1, freed=5, kept=1, oldest_kept=1200.0)
    assert waited_for.exists() and not gone.exists()
    assert sorted(asked) == sorted(UUID(path.stem) for path in (waited_for, gone))


def test_a_log_file_that_is_no_run_s_is_nobody_s_to_keep(tmp_path):
    stranger = named(tmp_path, "notes", 1000.0)
    assert logs.delete_old_logs(tmp_path, 1500, lambda runs: runs).files == 1
    assert not stranger.exists()


def test_a_dry_run_counts_logs_and_deletes_neither_them_nor_folders(tmp_path):
    old = log_of_age(tmp_path, "old", 1000)
    empty = tmp_path / "2026-03-09" / "empty"
    empty.mkdir()
    assert logs.delete_old_logs(tmp_path, 1500, dry_run=True) == logs.Swept(files=1, freed=5)
    assert old.exists() and empty.exists()


def test_the_oldest_that_is_kept_may_be_of_1970(tmp_path):
    for mtime in (0.0, 1000.0):
        named(tmp_path, uuid4(), mtime)
    assert logs.delete_old_logs(tmp_path, 1500, lambda runs: runs).oldest_kept == 0.0
