"""Logs as the core and a browser find them again."""

import zlib
from datetime import UTC, datetime
from time import monotonic, sleep
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from scheduler.models import JobRunDetail
from scheduler.models.runs import new_id
from scheduler.plugin_api.archive import ArchivedRun, LogArchive
from scheduler_log_archive import reading
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.errors import ArchiveUnavailable
from scheduler_log_archive.reading import S3LogArchive
from scheduler_log_archive.unzipping import Pages, TooSlow
from tests.plugins.log_archive.conftest import BUCKET
from tests.plugins.log_archive.machines import (
    Machine,
    a_run,
    as_archived,
    end_run,
    read,
    recorded,
    whole,
)


def archive_of(settings):
    bucket = Bucket(settings)
    return S3LogArchive(lambda: bucket)


def link_of(settings, run):
    return archive_of(settings).link(as_archived(run))


def test_it_is_what_the_core_asks_for(settings):
    assert isinstance(archive_of(settings), LogArchive)


def test_of_a_run_that_was_never_archived_there_is_nothing(machine, settings):
    machine.run_and_end(b"another")
    machine.uploads.tick()
    assert archive_of(settings).read(ArchivedRun(new_id(), "job", "", True), 0, 10) is None
    path = ArchivedRun(new_id(), "job", "/var/log/x.log", True)
    assert archive_of(settings).link(path) is None


def test_switched_off_there_is_nothing():
    archive = S3LogArchive(lambda: None)
    run = ArchivedRun(new_id(), "job", "http://host/bucket/key.log", True)
    assert archive.read(run, 0, 10) is None
    assert archive.link(run) is None
    assert not archive.takes_logs()


def test_switched_on_it_takes_logs_whether_the_store_answers_or_not(make_settings):
    away = make_settings(log_archive_s3_endpoint_url="http://127.0.0.1:1")
    assert archive_of(away).takes_logs()


def test_a_page_past_the_end_is_empty(machine, settings):
    run = machine.run_and_end(b"short")
    machine.uploads.tick()
    piece = read(settings, run, 1000)
    assert (piece.data, piece.next_offset, piece.size) == (b"", 5, 5)
    assert read(settings, run, -1000).data == b"short"
    assert read(settings, run, 0, 0).data == b""


def test_a_log_whose_address_was_lost_is_found_by_its_day_and_job(
    settings, database, time, tmp_path
):
    """A fail-over of the database may forget what was recorded last."""
    run = a_run("the job")
    planned = (run.int >> 80) / 1000
    time.now = planned
    machine = Machine(tmp_path / "logs", settings, time)
    day = datetime.fromtimestamp(planned, UTC).date()
    path = tmp_path / "logs" / day.isoformat() / "the-job" / f"{run}.log"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"found")
    end_run(run, at=planned)
    machine.uploads.tick()
    machine.uploads.close()
    JobRunDetail.objects.update(log_ref="/a/local/path")
    assert whole(settings, run) == b"found"


def test_a_link_is_the_public_address_where_one_is_set(machine, make_settings):
    machine.settings = make_settings(
        log_archive_public_base_url="https://logs.example.com/s3/", log_archive_presign_seconds=60
    )
    machine.restart()
    run = machine.run_and_end(b"x", "日本語")
    machine.uploads.tick()
    assert recorded(run) == link_of(machine.settings, run)
    start = (
        f"https://logs.example.com/s3/{BUCKET}/{machine.settings.log_archive_prefix}/2026-01-31/"
    )
    assert recorded(run) == f"{start}%E6%97%A5%E6%9C%AC%E8%AA%9E/{run}.log"
    assert whole(machine.settings, run) == b"x"


def test_without_one_it_is_the_endpoint_s(machine, settings, store):
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    link = link_of(settings, run)
    assert link == recorded(run)
    assert link.startswith(f"{store.endpoint_url}/{BUCKET}/")
    with pytest.raises(HTTPError, match="403"):
        urlopen(link)


def test_a_presigned_link_opens_a_private_bucket_and_expires(machine, make_settings):
    machine.settings = make_settings(log_archive_presign_seconds=2)
    machine.restart()
    run = machine.run_and_end(b"private")
    machine.uploads.tick()
    assert "Signature" not in recorded(run), "what is recorded lasts"
    link = link_of(machine.settings, run)
    with urlopen(link) as answer:
        assert answer.read() == b"private"
    deadline = monotonic() + 15
    while monotonic() < deadline and is_open(link):
        sleep(0.2)
    assert not is_open(link)


def is_open(link):
    try:
        urlopen(link).close()
    except HTTPError as error:
        assert error.code == 403
        return False
    return True


def test_a_settings_change_of_the_public_address_changes_old_links(machine, settings, store):
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    moved = settings.model_copy(update={"log_archive_public_base_url": "https://new.example.com"})
    assert link_of(moved, run).startswith(f"https://new.example.com/{BUCKET}/")
    assert whole(moved, run) == b"x"


@pytest.mark.parametrize("base", ["https://h.example.com/{}", "https://h.example.com/{}/s3"])
def test_a_public_address_whose_path_is_named_like_the_bucket_leads_to_the_log(
    machine, make_settings, base
):
    machine.settings = make_settings(log_archive_public_base_url=base.format(BUCKET))
    machine.restart()
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    assert whole(machine.settings, run) == b"x"
    assert link_of(machine.settings, run) == recorded(run)


def test_a_long_compressed_log_that_takes_too_long_is_reached_by_asking_again(
    machine, settings, monkeypatch
):
    text = b"".join(b"%d\n" % number for number in range(1_500_000))
    run = machine.run_and_end(text)
    machine.uploads.tick()
    monkeypatch.setattr(reading, "READ_SECONDS", 5.0)
    seconds = iter(range(1_000_000))
    bucket = Bucket(settings)
    archive = S3LogArchive(lambda: bucket, clock=lambda: float(next(seconds)))
    tries = 0
    while True:
        tries += 1
        try:
            piece = archive.read(as_archived(run), -10, 10)
            break
        except ArchiveUnavailable as error:
            assert "ask again" in str(error)
    assert piece is not None
    assert piece.data == text[-10:]
    assert 3 < tries < 20


def test_pages_of_a_compressed_log_begin_where_the_last_one_ended():
    packed = zlib.compress(bytes(range(256)) * 40_000)
    fetched = []

    def fetch(at):
        for start in range(at, len(packed), 1000):
            fetched.append(start)
            yield packed[start : start + 1000]

    pages, found = Pages(), b""
    while page := pages.read("v", len(found), 100_000, fetch, lambda: True):
        found += page
    assert found == bytes(range(256)) * 40_000
    assert len(fetched) == len(set(fetched)) == -(-len(packed) // 1000)


def test_the_states_kept_are_bounded_and_versions_are_not_mixed_up():
    old, new = zlib.compress(b"old" * 1000), zlib.compress(b"new" * 1000)
    pages = Pages(kept=4)
    for offset in range(0, 3000, 30):
        assert pages.read("old", offset, 3, lambda at: iter([old[at:]]), lambda: True) == b"old"
        assert pages.read("new", offset, 3, lambda at: iter([new[at:]]), lambda: True) == b"new"
    assert len(pages._states) == 4


def test_a_page_that_is_late_keeps_what_was_done():
    packed = zlib.compress(bytes(1_000_000))
    pages = Pages()
    allowed = iter([True, True, False])
    with pytest.raises(TooSlow):
        pages.read("v", 900_000, 10, lambda at: iter([packed[at:]]), lambda: next(allowed))
    assert [position for _, position in pages._states] == [512 * 1024]
