"""The log of a run over the REST API: from the disk, from the worker, or from nowhere."""

from pathlib import Path
from uuid import UUID

import pytest

from scheduler.domain.errors import PeerUnreachable
from scheduler.models import JobRunDetail, WorkerLease
from scheduler.plugin_api.archive import ArchivedRun, LogPiece
from scheduler.ports import LogChunk
from tests.integration.api.callers import Api, code_of
from tests.integration.api.runs import run_of
from tests.plugins.builders import host_of, plugin

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


# ------------------------------------------------------------------------------- the archive


class Archive:
    """What was archived, by run; or nothing can be had now."""

    def __init__(self) -> None:
        self.logs: dict[UUID, bytes] = {}
        self.whole, self.away = True, False
        self.asked: list[ArchivedRun] = []

    def read(self, run: ArchivedRun, offset: int, limit: int) -> LogPiece | None:
        self.asked.append(run)
        if self.away:
            raise OSError("connection refused")
        data = self.logs.get(run.run_id)
        if data is None:
            return None
        start = max(0, len(data) + offset) if offset < 0 else offset
        piece = data[start : start + limit]
        return LogPiece(piece, start + len(piece), len(data), self.whole)

    def link(self, run: ArchivedRun) -> str | None:
        return None if self.away else f"https://logs.example.com/{run.run_id}"

    def takes_logs(self) -> bool:
        return True


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    """The archive of an enabled plugin."""
    archive = Archive()

    host = host_of(plugin("keeper", log_archive=lambda self: archive))
    monkeypatch.setattr("scheduler.queries.plugins.plugin_host", lambda: host)
    return archive


def test_a_log_that_is_nowhere_else_is_read_from_the_archive(api: Api, log_dir: Path, archive):
    run = run_of()
    JobRunDetail.objects.create(run_id=run, log_ref="s3://logs/report.log")
    archive.logs[run] = "アーカイブ".encode()
    first = api.get(f"runs/{run}/log?limit=8").json()
    assert (first["text"], first["size"]) == ("アー", 15)
    assert (first["complete"], first["link"]) == (False, None)
    rest = api.get(f"runs/{run}/log?offset={first['next_offset']}").json()
    assert (rest["text"], rest["complete"]) == ("カイブ", True)
    assert rest["link"] == f"https://logs.example.com/{run}"
    assert archive.asked[0] == ArchivedRun(run, "report", "s3://logs/report.log", ended=True)
    assert api.get(f"runs/{run}/log?offset=-9").json()["text"] == "カイブ"


def test_while_worker_or_disk_have_the_log_the_archive_is_not_asked(
    api: Api, log_dir: Path, archive, monkeypatch
):
    ended, running = run_of(), run_of(state="RUNNING")
    (log_dir / f"{ended}.log").write_text("from the disk")
    worker(monkeypatch, None)
    assert api.get(f"runs/{ended}/log").json()["text"] == "from the disk"
    worker_again(monkeypatch, b"from the worker")
    assert api.get(f"runs/{running}/log").json()["text"] == "from the worker"
    assert archive.asked == []


def worker_again(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("scheduler.bootstrap.run_log_reader._link", lambda line: Line(data))


def test_an_archive_that_does_not_answer_says_so_and_its_log_is_not_lost(
    api: Api, log_dir: Path, archive
):
    run = run_of()
    assert "was not archived" in api.get(f"runs/{run}/log").json()["detail"]
    archive.away = True
    response = api.get(f"runs/{run}/log")
    assert (response.status_code, code_of(response)) == (404, "LOG_NOT_FOUND")
    assert "the archive does not answer now" in response.json()["detail"]


def test_without_a_link_the_last_piece_is_read_all_the_same(api: Api, log_dir: Path, archive):
    run = run_of()
    (log_dir / f"{run}.log").write_text("from the disk")
    archive.away = True
    piece = api.get(f"runs/{run}/log").json()
    assert (piece["text"], piece["complete"], piece["link"]) == ("from the disk", True, None)


def test_more_may_come_of_a_log_not_whole_only_while_its_worker_lives(
    api: Api, log_dir: Path, archive, monkeypatch
):
    run = run_of()
    archive.logs[run], archive.whole = b"the first part", False
    assert api.get(f"runs/{run}/log").json()["complete"]
    worker(monkeypatch, None)
    assert not api.get(f"runs/{run}/log").json()["complete"]
