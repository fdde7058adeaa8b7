"""The log of a run over the REST API: from the disk, from the worker, or from nowhere."""

from pathlib import Path
from uuid import UUID

import pytest

from scheduler.domain.errors import PeerUnreachable
from scheduler.models import JobRunDetail, WorkerLease
from scheduler.ports import LogChunk
from tests.integration.api.callers import Api, code_of
from tests.integration.api.runs import run_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def log_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCHEDULER_LOG_DIR", str(tmp_path))
    (tmp_path / "2026-11-23" / "report").mkdir(parents=True)
    return tmp_path / "2026-11-23" / "report"


def test_a_log_is_read_in_pieces_that_cut_no_character(api: Api, log_dir: Path):
    run = run_of()
    (log_dir / f"{run}.log").write_text("日本語のログ\n" * 3)
    text, offset, pieces = "", 0, 0
    while True:
        piece = api.get(f"runs/{run}/log?offset={offset}&limit=8").json()
        assert piece["offset"] == offset
        text, offset, pieces = text + piece["text"], piece["next_offset"], pieces + 1
        if piece["complete"]:
            break
    assert text == "日本語のログ\n" * 3
    assert pieces > 3


def test_the_end_of_a_log_is_read_from_the_end(api: Api, log_dir: Path):
    run = run_of()
    (log_dir / f"{run}.log").write_text("a long line\nlast\n")
    piece = api.get(f"runs/{run}/log?offset=-5").json()
    assert (piece["text"], piece["offset"], piece["size"]) == ("last\n", 12, 17)


def test_bytes_that_are_no_text_harm_nothing(api: Api, log_dir: Path):
    run = run_of()
    (log_dir / f"{run}.log").write_bytes(b"ok \xff\xfe\x80\x80\x80\x80 end")
    assert "end" in api.get(f"runs/{run}/log").json()["text"]


def test_an_address_is_an_id_and_never_a_path(api: Api, log_dir: Path):
    (log_dir.parent.parent / "secret.log").write_text("secret")
    for trick in ("..%2f..%2fsecret", "../../secret", "%2e%2e/secret", "*", "2026-11-23"):
        response = api.get(f"/api/v1/runs/{trick}/log")
        assert response.status_code == 404
        assert b"secret\n" not in response.content


def test_a_log_that_is_nowhere_says_so_and_where_it_went(api: Api, log_dir: Path):
    run = run_of()
    assert code_of(api.get(f"runs/{run}/log")) == "LOG_NOT_FOUND"
    JobRunDetail.objects.create(run_id=run, log_ref="s3://logs/report.log")
    assert "s3://logs/report.log" in api.get(f"runs/{run}/log").json()["detail"]
    waiting = run_of(state="PENDING")
    assert "has not started" in api.get(f"runs/{waiting}/log").json()["detail"]


class Line:
    """A worker that answers, or does not."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data

    def read_log(self, address: str, run_id: UUID, offset: int, limit: int) -> LogChunk:
        if self.data is None:
            raise PeerUnreachable(address, refused=True)
        piece = self.data[offset : offset + limit]
        return LogChunk(piece, offset + len(piece), len(self.data), finished=False)


def worker(monkeypatch: pytest.MonkeyPatch, data: bytes | None) -> None:
    WorkerLease.objects.create(
        worker_id="w-1",
        node_id="n",
        hostname="h",
        pid=1,
        grpc_address="w-1:50051",
        capacity=1,
        lease_seconds=10,
        margin_seconds=5,
    )
    monkeypatch.setattr("scheduler.bootstrap.run_log_reader._link", lambda line: Line(data))


def test_a_log_that_this_process_may_not_read_says_so(api: Api, log_dir: Path):
    run = run_of()
    (log_dir / f"{run}.log").mkdir()
    response = api.get(f"runs/{run}/log")
    assert (response.status_code, code_of(response)) == (404, "LOG_NOT_FOUND")
    assert "cannot be read: Is a directory" in response.json()["detail"]


def test_a_live_worker_gives_the_log_of_what_it_runs(api: Api, log_dir: Path, monkeypatch):
    run = run_of(state="RUNNING")
    worker(monkeypatch, b"from the worker\n")
    piece = api.get(f"runs/{run}/log").json()
    assert piece["text"] == "from the worker\n"
    assert not piece["complete"]


def test_where_the_worker_does_not_answer_this_machine_is_asked(api, log_dir, monkeypatch):
    run = run_of()
    worker(monkeypatch, None)
    assert "did not give it" in api.get(f"runs/{run}/log").json()["detail"]
    (log_dir / f"{run}.log").write_text("from the disk")
    assert api.get(f"runs/{run}/log").json()["text"] == "from the disk"
