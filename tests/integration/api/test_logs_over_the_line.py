"""The log of a run under way, asked of its worker over a real control line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from scheduler.bootstrap import run_log_reader
from scheduler.models import JobRun, WorkerLease
from scheduler.requests import find_job, save_definition
from scheduler.testing.service import RecordingWorkerService
from scheduler.transport.server import WorkerServer
from tests.integration.api.callers import Api, code_of, token_api

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def service() -> RecordingWorkerService:
    return RecordingWorkerService()


@pytest.fixture
def run(django_sqlite, service, tmp_path, monkeypatch) -> Iterator[UUID]:
    """A run that w-1 has under way; w-1 listens in plaintext."""
    run_log_reader._link.cache_clear()
    monkeypatch.setenv("SCHEDULER_LOG_DIR", str(tmp_path))
    server = WorkerServer(service, None)
    port = server.start("127.0.0.1", [0])
    WorkerLease.objects.create(
        worker_id="w-1",
        node_id="n",
        hostname="h",
        pid=1,
        grpc_address=f"127.0.0.1:{port}",
        capacity=1,
        lease_seconds=10,
        margin_seconds=5,
    )
    save_definition("report", by="t", command_name="noop")
    yield JobRun.objects.create(
        definition=find_job("report"),
        slot_key="t:1",
        state="RUNNING",
        scheduled_for=NOW,
        due_at=NOW,
        started_at=NOW,
        worker_id="w-1",
    ).pk
    server.stop(0)
    run_log_reader._link.cache_clear()


@pytest.fixture
def api(run: UUID) -> Api:
    return token_api()


def test_the_worker_gives_the_log_piece_by_piece(api, run, service, monkeypatch):
    monkeypatch.setenv("SCHEDULER_GRPC_INSECURE", "1")
    service.logs[run] = "始めました\n".encode()
    first = api.get(f"runs/{run}/log?limit=7").json()
    assert (first["text"], first["next_offset"], first["complete"]) == ("始め", 6, False)
    rest = api.get(f"runs/{run}/log?offset=6").json()
    assert rest["text"] == "ました\n"
    assert not rest["complete"], "the run goes on"
    JobRun.objects.update(state="SUCCEEDED", finished_at=NOW)
    assert api.get(f"runs/{run}/log?offset=6").json()["complete"]


def test_a_worker_without_the_log_is_not_the_end_of_the_search(api, run, tmp_path, monkeypatch):
    monkeypatch.setenv("SCHEDULER_GRPC_INSECURE", "1")
    assert code_of(api.get(f"runs/{run}/log")) == "LOG_NOT_FOUND"
    (tmp_path / "2026-11-23" / "report").mkdir(parents=True)
    (tmp_path / "2026-11-23" / "report" / f"{run}.log").write_text("here")
    assert api.get(f"runs/{run}/log").json()["text"] == "here"


def test_without_certificates_only_this_machine_is_asked(api, run, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("SCHEDULER_TLS_CERT_FILE", str(tmp_path / "none.crt"))
    monkeypatch.setenv("SCHEDULER_TLS_KEY_FILE", str(tmp_path / "none.key"))
    response = api.get(f"runs/{run}/log")
    assert (response.status_code, code_of(response)) == (404, "LOG_NOT_FOUND")
    assert "none.crt" not in response.json()["detail"]
