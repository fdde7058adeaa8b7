"""From the disk of a worker into the bucket, against a real SeaweedFS."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
import structlog

from scheduler.execution.logs import job_slug
from scheduler.models import JobRun, JobRunDetail
from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.deposit import verify
from scheduler_log_archive.keys import key_in
from tests.plugins.log_archive.conftest import BUCKET
from tests.plugins.log_archive.machines import (
    DAY,
    Machine,
    a_run,
    chunk_keys,
    look,
    read,
    recorded,
    whole,
)


def archived_key(run):
    key = key_in(recorded(run), BUCKET, run)
    assert key is not None, recorded(run)
    return key


def test_the_log_of_an_ended_run_is_one_object_under_day_job_and_run(machine, settings, store):
    run = machine.run_and_end(b"hello\n")
    machine.uploads.tick()
    key = f"{settings.log_archive_prefix}/{DAY}/job/{run}.log"
    assert recorded(run) == f"{store.endpoint_url}/{BUCKET}/{key}"
    assert whole(settings, run) == b"hello\n"
    assert machine.path(run).exists()
    assert machine.marks() == {f"{run}.done"}


def test_while_a_run_goes_on_its_new_bytes_go_up_as_chunks(machine, settings, time):
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    machine.write(run, b"two\n")
    machine.uploads.tick()
    assert whole(settings, run) == b"one\n", "sooner than the setting says"
    time.passes(settings.log_archive_chunk_seconds)
    machine.uploads.tick()
    assert whole(settings, run) == b"one\ntwo\n"
    assert len(chunk_keys(settings, run)) == 2
    piece = read(settings, run, -4)
    assert (piece.data, piece.next_offset, piece.size, piece.complete) == (b"two\n", 8, 8, False)


def test_at_the_end_the_chunks_make_room_for_the_whole(machine, settings):
    run = a_run()
    machine.write(run, b"one\n")
    machine.uploads.tick()
    machine.write(run, b"two\n")
    machine.end(run)
    machine.uploads.tick()
    assert chunk_keys(settings, run) == []
    assert whole(settings, run) == b"one\ntwo\n"
    assert read(settings, run).complete


def test_a_restart_goes_on_with_the_chunks_where_it_was(machine, settings, time):
    run = a_run()
    machine.write(run, b"x" * 1000)
    machine.uploads.tick()
    sent = machine.board.read().uploaded_bytes
    machine.restart()
    machine.write(run, b"y")
    machine.uploads.tick()
    assert machine.board.read().uploaded_bytes == sent + 1
    assert whole(settings, run) == b"x" * 1000 + b"y"


def test_a_large_log_is_compressed_and_a_browser_shows_it_as_text(machine, settings, make_settings):
    text = "".join(f"{number} 日本語の行\n" for number in range(20_000)).encode()
    run = machine.run_and_end(text)
    machine.uploads.tick()
    bucket = Bucket(settings)
    stored = bucket.head(archived_key(run))
    assert stored.encoding == "gzip"
    assert stored.size < len(text) / 4
    with urlopen(Request(bucket.presigned(archived_key(run), 60))) as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
    assert whole(settings, run) == text
    assert read(settings, run, 100_000, 50).data == text[100_000:100_050]
    assert read(settings, run, -7).data == text[-7:]


@pytest.mark.slow
def test_a_log_of_100_mb_goes_up_in_parts_and_is_read_page_by_page(machine, settings):
    block = os.urandom(1024 * 1024)
    path = machine.write(run := a_run(), b"")
    with path.open("ab") as file:
        for _ in range(100):
            file.write(block)
    machine.end(run)
    machine.uploads.tick()
    key = archived_key(run)
    stored = verify(Bucket(settings), key)
    assert stored.etag.strip('"').endswith("-13"), "13 parts of 8 MiB"
    assert read(settings, run, -1000).data == block[-1000:]
    assert read(settings, run, 50 * 1024 * 1024 + 7, 100).data == block[7:107]


def test_bytes_that_are_no_text_come_back_as_they_were(machine, settings):
    data = bytes(range(256)) * 3 + b"\xff\xfe\x00\x80 caf\xe9 \x83\x65\x83\x58\x83\x67"
    run = machine.run_and_end(data)
    machine.uploads.tick()
    assert whole(settings, run) == data


def test_an_empty_log_is_archived_too(machine, settings):
    run = machine.run_and_end(b"")
    machine.uploads.tick()
    piece = read(settings, run)
    assert (piece.data, piece.size, piece.complete) == (b"", 0, True)


@pytest.mark.parametrize("job", ["日本語の集計", "a b+c%2F#?&", "..secret"])
def test_names_that_look_like_paths_or_addresses_are_found_again(machine, settings, job):
    run = a_run(job)
    machine.write(run, b"mine", job_slug(job))
    machine.end(run)
    machine.uploads.tick()
    assert whole(settings, run) == b"mine"


def test_two_uploaders_of_one_machine_at_once_send_each_log_once(machine, settings, monkeypatch):
    """SQLite's connection is the test's own thread's, so what they record is written afterwards."""
    other = Machine(machine.folder, settings, machine.time)
    runs = {machine.run_and_end(b"log %d" % number): b"log %d" % number for number in range(20)}
    addresses: dict[UUID, str] = {}
    monkeypatch.setattr("scheduler_log_archive.worker_uploads.record_log_refs", addresses.update)
    both = (machine.uploads, other.uploads)
    queues = [look(uploads) for uploads in both]
    bucket = Bucket(settings)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one, queue: one._carry(bucket, queue, 5.0), both, queues))
    record_log_refs(addresses)
    machine.time.passes(5)
    for uploads in both:
        uploads.tick()
    other.uploads.close()
    assert {run: whole(settings, run) for run in runs} == runs
    assert machine.board.read().archived + other.board.read().archived == 20
    assert machine.board.read().waiting == other.board.read().waiting == 0


def test_a_log_that_another_uploader_holds_is_left_to_it(machine, settings):
    run = machine.run_and_end(b"hello")
    with machine.path(run).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        machine.uploads.tick()
        assert recorded(run) == ""
    machine.time.passes(5)
    machine.uploads.tick()
    assert whole(settings, run) == b"hello"
    assert machine.board.read().failures == 0


def test_uploaders_of_two_machines_end_in_one_whole_object(machine, settings, tmp_path):
    """Say, the disk was moved to another machine."""
    run = machine.run_and_end(b"one\n")
    elsewhere = Machine(tmp_path / "elsewhere", settings, machine.time)
    elsewhere.write(run, b"one\n")
    elsewhere.worker.runs.clear()
    for uploads in (machine.uploads, elsewhere.uploads):
        uploads.tick()
    elsewhere.uploads.close()
    assert whole(settings, run) == b"one\n"
    assert chunk_keys(settings, run) == []


def test_a_log_that_grows_while_it_goes_up_goes_up_again(machine, settings, monkeypatch):
    run = machine.run_and_end(b"early\n")
    put, grown = Bucket.put, []

    def put_and_grow(self, key, data, headers):
        if not grown:
            grown.append(machine.path(run))
            grown[0].write_bytes(b"early\nlate\n")
        return put(self, key, data, headers)

    monkeypatch.setattr(Bucket, "put", put_and_grow)
    machine.uploads.tick()
    assert whole(settings, run) == b"early\nlate\n"


def test_a_run_without_a_row_is_archived_once_it_is_old(machine, settings, time):
    run = a_run()
    JobRun.objects.all().delete()
    path = machine.write(run, b"purged")
    machine.worker.runs.clear()
    os.utime(path, (time.now, time.now))
    machine.uploads.tick()
    bucket = Bucket(settings)
    assert not list(bucket.list(settings.log_archive_prefix))
    time.passes(86_461)
    machine.uploads.tick()
    assert [size for _, size in bucket.list(settings.log_archive_prefix)] == [6]
    assert not JobRunDetail.objects.exists()


def test_what_the_archive_records_leaves_the_rest_of_a_run_as_it_is(machine):
    run = machine.run_and_end(b"x")
    JobRunDetail.objects.create(run_id=run, error="it broke", max_rss_bytes=5, log_ref="/a/path")
    machine.uploads.tick()
    kept = JobRunDetail.objects.get(pk=run)
    assert (kept.error, kept.max_rss_bytes) == ("it broke", 5)
    assert kept.log_ref.startswith("http://")


def test_switched_off_it_does_nothing(machine, make_settings):
    machine.settings = make_settings(log_archive_enabled=False)
    machine.restart()
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    assert recorded(run) == ""
    assert machine.marks() == set()


def test_a_worker_that_leaves_archives_what_has_ended(machine, settings):
    runs = [machine.run_and_end(b"x") for _ in range(3)]
    machine.uploads.drain(4.0)
    machine.uploads.close()
    assert all(recorded(run) for run in runs)
    assert machine.uploads.tick() > 0, "and does nothing more afterwards"


def test_while_a_large_log_goes_up_the_chunks_of_others_do_too(machine, make_settings, monkeypatch):
    """The store takes the large one only once it has the chunk of the run that goes on."""
    settings = machine.settings = make_settings(log_archive_chunk_seconds=0.5)
    machine.restart()
    large, running = machine.run_and_end(b"large"), a_run()
    machine.write(running, b"one\n")
    machine.uploads.tick()
    assert recorded(large)
    large = machine.run_and_end(b"another large one")
    put, chunk_sent = Bucket.put, Event()

    def slow_for_large(self, key, data, headers):
        if key.endswith(f"{large}.log"):
            machine.write(running, b"two\n")
            machine.time.passes(60)
            assert chunk_sent.wait(30), "the chunk waits for the large log"
        done = put(self, key, data, headers)
        if data == b"two\n":
            chunk_sent.set()
        return done

    monkeypatch.setattr(Bucket, "put", slow_for_large)
    machine.uploads.tick()
    assert whole(settings, running) == b"one\ntwo\n"
    assert whole(settings, large) == b"another large one"


def test_a_fault_of_ours_at_one_log_keeps_no_other_from_the_archive(machine, monkeypatch, time):
    bad, good = machine.run_and_end(b"bad"), machine.run_and_end(b"good")
    put = Bucket.put

    def broken(self, key, *args):
        if str(bad) in key:
            raise KeyError("a mistake")
        return put(self, key, *args)

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logged:
        patch.setattr(Bucket, "put", broken)
        machine.uploads.tick()
    assert [line["run_id"] for line in logged if line["event"] == "log_upload_broke"] == [str(bad)]
    assert recorded(good) and not recorded(bad)
    time.passes(5)
    machine.uploads.tick()
    assert recorded(bad)


def test_a_large_upload_is_given_up_when_the_worker_leaves(machine, settings, monkeypatch):
    run = machine.run_and_end(os.urandom(20 * 1024 * 1024))
    send, closing = Bucket._send, []

    def close_meanwhile(self, key, upload, parts, headers):
        closing.append(Thread(target=machine.uploads.close))
        closing[0].start()
        while not machine.uploads._stop.is_set():
            pass
        return send(self, key, upload, parts, headers)

    monkeypatch.setattr(Bucket, "_send", close_meanwhile)
    machine.uploads.tick()
    closing[0].join(30)
    assert not closing[0].is_alive()
    assert recorded(run) == ""
    monkeypatch.undo()
    machine.restart().tick()
    assert recorded(run)
