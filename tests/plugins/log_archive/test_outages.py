"""The object store away, or unwilling: nothing is lost, nobody is held up, and it can be seen."""

import json
import socket
from urllib.parse import urlsplit

import pytest
import structlog

from scheduler.domain.errors import DatabaseUnavailable
from scheduler_demo.seaweed import EmbeddedSeaweed
from scheduler_log_archive.bucket import Bucket, Headers
from scheduler_log_archive.errors import ArchiveProblem
from scheduler_log_archive.figures import metrics
from scheduler_log_archive.health import LATE_SECONDS, archive_health
from scheduler_log_archive.outage import LONGEST_SECONDS
from tests.plugins.log_archive.conftest import settings_for
from tests.plugins.log_archive.machines import Machine, a_run, read, recorded, whole
from tests.plugins.log_archive.tls_proxy import tls_in_front_of


@pytest.fixture
def own_store(server_folder):
    """A store that the test may stop. Its first answers after a start may take long."""
    with EmbeddedSeaweed(server_folder / "stopped-and-started") as server:
        yield server
        server.kill()


def lines_of(logged, event):
    return [line for line in logged if line["event"] == event]


def test_a_store_that_is_down_for_minutes_gets_everything_afterwards(
    database, own_store, tmp_path, time
):
    settings = settings_for(own_store, log_archive_timeout_seconds=60.0)
    machine = Machine(tmp_path / "logs", settings, time)
    first = machine.run_and_end(b"before")
    machine.uploads.tick()
    own_store.stop()
    open_run = a_run()
    with structlog.testing.capture_logs() as logged:
        pauses = []
        lost = [machine.run_and_end(b"while it was down %d" % n) for n in range(5)]
        for minute in range(20):
            machine.write(open_run, b"%d\n" % minute)
            pauses.append(machine.uploads.tick())
            time.passes(30)
        assert len(lines_of(logged, "log_archive_unavailable")) == 1, "said once, not at each try"
    assert machine.board.read().waiting == 5
    assert "not to be had" in machine.board.read().trouble
    assert max(pauses) <= settings.log_archive_chunk_seconds, "it goes on looking at the disk"
    report = archive_health(machine.bucket, machine.board.read(), time)
    assert report.status == "failing"
    own_store.start()
    time.passes(LONGEST_SECONDS)
    with structlog.testing.capture_logs() as logged:
        machine.uploads.tick()
    assert len(lines_of(logged, "log_archive_recovered")) == 1
    assert [whole(settings, run) for run in lost] == [b"while it was down %d" % n for n in range(5)]
    assert whole(settings, open_run) == b"".join(b"%d\n" % minute for minute in range(20))
    assert whole(settings, first) == b"before"
    assert (machine.board.read().waiting, machine.board.read().trouble) == (0, "")
    machine.uploads.close()


def test_logs_that_wait_while_a_worker_restarts_are_archived_by_the_next(
    database, own_store, tmp_path, time
):
    settings = settings_for(own_store, log_archive_timeout_seconds=60.0)
    machine = Machine(tmp_path / "logs", settings, time)
    own_store.stop()
    run = machine.run_and_end(b"kept")
    machine.uploads.tick()
    machine.uploads.close()
    assert recorded(run) == ""
    own_store.start()
    machine.restart().tick()
    assert whole(settings, run) == b"kept"
    machine.uploads.close()


def test_the_database_away_stops_no_chunk_and_loses_no_log(machine, settings, monkeypatch, time):
    def away(*_):
        raise DatabaseUnavailable("db", "no route")

    open_run = a_run()
    machine.write(open_run, b"goes on")
    ended = machine.run_and_end(b"ended")
    with monkeypatch.context() as patch:
        patch.setattr("scheduler_log_archive.disk_queue.run_log_states", away)
        with structlog.testing.capture_logs() as logged:
            machine.uploads.tick()
            time.passes(5)
            machine.uploads.tick()
        assert len(lines_of(logged, "log_archive_waits_for_the_database")) == 1
        assert whole(settings, open_run) == b"goes on"
    machine.uploads.tick()
    assert whole(settings, ended) == b"ended"


def test_an_address_that_cannot_be_recorded_is_recorded_later(machine, settings, monkeypatch, time):
    def away(*_):
        raise DatabaseUnavailable("db", "no route")

    run = machine.run_and_end(b"x")
    with monkeypatch.context() as patch:
        patch.setattr("scheduler_log_archive.worker_uploads.record_log_refs", away)
        machine.uploads.tick()
    assert machine.marks() == set(), "not done before it is recorded"
    time.passes(5)
    machine.uploads.tick()
    assert recorded(run).startswith("http://")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"log_archive_access_key_id": "nobody"}, "ACCESS_KEY_ID"),
        ({"log_archive_secret_access_key": "wrong-secret-value"}, "SECRET_ACCESS_KEY"),
        (
            {"log_archive_bucket": "not-there", "log_archive_create_bucket": False},
            "CREATE_BUCKET",
        ),
    ],
)
def test_what_it_is_refused_for_is_said_in_a_sentence_without_a_secret(
    make_settings, machine, values, why, store
):
    machine.settings = make_settings(**values)
    machine.restart()
    run = machine.run_and_end(b"x")
    machine.write(a_run(), b"goes on")
    with structlog.testing.capture_logs() as logged:
        machine.uploads.tick()
    said = machine.board.read().trouble
    report = archive_health(machine.bucket, machine.board.read(), machine.time)
    assert "refuses us" in said
    everything = said + report.summary + json.dumps(logged, default=str)
    for secret in (store.secret_access_key, "wrong-secret-value"):
        assert secret not in everything
    assert report.status == "failing"
    assert machine.board.read().waiting == 1
    assert machine.path(run).exists()
    assert why in said


def test_at_debug_no_token_of_temporary_credentials_is_written(make_settings, monkeypatch, caplog):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "temporary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "temporary-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-session-token")
    caplog.set_level("DEBUG")
    settings = make_settings(log_archive_access_key_id="", log_archive_secret_access_key="")
    with pytest.raises(ArchiveProblem):
        Bucket(settings).put("key", b"x", Headers({}))
    assert "the-session-token" not in caplog.text
    assert "temporary-secret" not in caplog.text


def test_a_store_that_accepts_and_never_answers_costs_the_time_limit(make_settings, machine):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.settings = make_settings(
            log_archive_s3_endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            log_archive_timeout_seconds=0.3,
        )
        machine.restart()
        machine.run_and_end(b"x")
        machine.uploads.tick()
    assert "read timeout" in machine.board.read().trouble
    assert machine.board.read().waiting == 1


def test_a_backlog_is_a_warning_once_it_is_old(machine):
    run = machine.run_and_end(b"x")
    machine.uploads.tick()
    report = archive_health(machine.bucket, machine.board.read(), machine.time)
    assert report.status == "ok" and recorded(run)
    machine.board.set_waiting(3, machine.time.now - LATE_SECONDS - 60)
    report = archive_health(machine.bucket, machine.board.read(), machine.time)
    assert (report.status, report.summary) == (
        "warning",
        "3 logs wait for the archive, the first for 16 min.",
    )


def test_the_figures_have_names_as_the_monitoring_wants_them(machine, time):
    machine.run_and_end(b"four")
    machine.uploads.tick()
    machine.board.set_waiting(2, time.now - 90)
    shown = {one.name: one.samples[0].value for one in metrics(machine.board.read(), time.now)}
    assert shown == {
        "scheduler_log_archive_pending": 2,
        "scheduler_log_archive_oldest_seconds": 90,
        "scheduler_log_archive_failures_total": 0,
        "scheduler_log_archive_archived_total": 1,
        "scheduler_log_archive_salvaged_total": 0,
        "scheduler_log_archive_uploaded_bytes_total": 4,
    }


def test_a_private_authority_is_trusted_by_its_file_and_not_without(
    make_settings, machine, store, tmp_path
):
    port = urlsplit(store.endpoint_url).port
    assert port is not None
    with tls_in_front_of(port, tmp_path / "ca.pem") as secure:
        address = f"https://127.0.0.1:{secure}"
        without = make_settings(log_archive_s3_endpoint_url=address)
        machine.settings = without
        machine.restart()
        run = machine.run_and_end(b"over TLS")
        machine.uploads.tick()
        assert "ssl" in machine.board.read().trouble.lower().replace(" ", "")
        machine.settings = make_settings(
            log_archive_s3_endpoint_url=address, log_archive_ca_file=str(tmp_path / "ca.pem")
        )
        machine.restart().tick()
        assert read(machine.settings, run).data == b"over TLS"
        machine.uploads.close()


def test_a_ca_file_that_is_not_there_is_said(make_settings, machine):
    machine.settings = make_settings(log_archive_ca_file="/nowhere/ca.pem")
    machine.restart()
    machine.run_and_end(b"x")
    report = archive_health(machine.bucket, machine.board.read(), machine.time)
    assert report.status == "failing"
    assert "SCHEDULER_LOG_ARCHIVE_CA_FILE" in report.summary


def test_a_ca_file_that_holds_no_certificate_is_said(make_settings, machine, tmp_path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    machine.settings = make_settings(log_archive_ca_file=str(tmp_path / "ca.pem"))
    machine.restart()
    report = archive_health(machine.bucket, machine.board.read(), machine.time)
    assert report.status == "failing"
    assert "SCHEDULER_LOG_ARCHIVE_CA_FILE" in report.summary
