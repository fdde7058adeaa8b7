"""Machines with workers and logs, runs in a database, and time as the test wants it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

from scheduler.models import JobDefinition, JobRun, JobRunDetail, WorkerLease
from scheduler.models.runs import new_id
from scheduler.plugin_api.archive import ArchivedRun, LogPiece
from scheduler.plugin_api.services import LocalLog
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.disk_queue import DiskQueue
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.folder import LogFolder
from scheduler_log_archive.keys import Keys
from scheduler_log_archive.reading import S3LogArchive
from scheduler_log_archive.settings import LogArchiveSettings
from scheduler_log_archive.worker_uploads import WorkerUploads

DAY = date(2026, 1, 31)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class FakeTime:
    """Unix time that passes when told."""

    now: float = NOW.timestamp()

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class FakeWorker:
    """What of a worker the plugin sees."""

    log_dir: Path
    runs: set[UUID] = field(default_factory=set)

    def running(self) -> frozenset[UUID]:
        return frozenset(self.runs)

    def local_logs(self) -> Iterator[LocalLog]:
        return LogFolder(self.log_dir).all()


class Machine:
    """A machine with one worker, and its log folder."""

    def __init__(self, folder: Path, settings: LogArchiveSettings, time: FakeTime) -> None:
        self.folder, self.settings, self.time = folder, settings, time
        self.worker, self.board = FakeWorker(folder), FigureBoard()
        self.bucket: Bucket | None = None
        self.uploads = self.restart()

    def restart(self) -> WorkerUploads:
        """The worker's process begins anew: nothing is left but the disk."""
        self.bucket = Bucket(self.settings) if self.settings.log_archive_enabled else None
        self.worker.runs.clear()
        self.uploads = WorkerUploads(
            self.worker,
            lambda: self.bucket,
            self.board,
            clock=self.time,
            steady=self.time,
            chance=lambda: 1.0,
        )
        return self.uploads

    def path(self, run: UUID, job: str = "job") -> Path:
        return self.folder / DAY.isoformat() / job / f"{run}.log"

    def write(self, run: UUID, data: bytes, job: str = "job") -> Path:
        """The run goes on here and prints this."""
        self.worker.runs.add(run)
        path = self.path(run, job)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)
        return path

    def run_and_end(self, data: bytes, job: str = "job", worker_id: str = "w-1") -> UUID:
        """A run that printed this and has ended."""
        run = a_run(job, worker_id=worker_id)
        self.write(run, data, job)
        self.end(run)
        return run

    def end(self, run: UUID) -> None:
        self.worker.runs.discard(run)
        end_run(run, at=self.time.now)

    def marks(self) -> set[str]:
        """The suffixes and names of all marks."""
        return {path.name for path in (self.folder / ".archive").glob("*")}


def a_run(job: str = "job", *, worker_id: str = "w-1", ended_at: float | None = None) -> UUID:
    """A run that goes on, or has ended."""
    definition, _ = JobDefinition.objects.get_or_create(name=job, command_name="noop")
    run = new_id()
    JobRun.objects.create(
        id=run,
        definition=definition,
        slot_key=f"t:{run}",
        state="RUNNING",
        scheduled_for=NOW,
        due_at=NOW,
        worker_id=worker_id,
        started_at=NOW,
    )
    if ended_at is not None:
        end_run(run, at=ended_at)
    return run


def end_run(run: UUID, *, at: float, state: str = "SUCCEEDED") -> None:
    ended = datetime.fromtimestamp(at, UTC)
    JobRun.objects.filter(pk=run).update(state=state, finished_at=ended)


def a_lease(worker_id: str, *, state: str = "LIVE") -> None:
    WorkerLease.objects.create(
        worker_id=worker_id,
        node_id="node-1",
        hostname="host",
        pid=1,
        grpc_address="127.0.0.1:1",
        capacity=8,
        lease_seconds=10,
        margin_seconds=5,
        state=state,
        ended_at=None if state == "LIVE" else NOW,
    )


def recorded(run: UUID) -> str:
    """The run's log_ref."""
    kept = JobRunDetail.objects.filter(pk=run).values_list("log_ref", flat=True).first()
    return kept or ""


def as_archived(run: UUID) -> ArchivedRun:
    """What the core asks the archive with."""
    row = JobRun.objects.select_related("definition").get(pk=run)
    return ArchivedRun(run, row.definition.name, recorded(run), row.finished_at is not None)


def read(
    settings: LogArchiveSettings, run: UUID, offset: int = 0, limit: int = 1 << 20
) -> LogPiece:
    """One page, by a process that knows nothing yet."""
    bucket = Bucket(settings)
    piece = S3LogArchive(lambda: bucket).read(as_archived(run), offset, limit)
    assert piece is not None, "nothing was archived"
    return piece


def look(uploads: WorkerUploads) -> DiskQueue:
    """What waits is noted, and nothing is sent."""
    uploads._queue = uploads._queue or uploads._open()
    assert uploads._queue is not None
    uploads._queue.look(())
    return uploads._queue


def whole(settings: LogArchiveSettings, run: UUID) -> bytes:
    """The whole log, page by page."""
    bucket = Bucket(settings)
    archive, asked, found = S3LogArchive(lambda: bucket), as_archived(run), b""
    while (piece := archive.read(asked, len(found), 1 << 20)) is not None and piece.data:
        found += piece.data
    return found


def chunk_keys(settings: LogArchiveSettings, run: UUID) -> list[str]:
    keys = Keys(settings.log_archive_prefix)
    return [key for key, _ in Bucket(settings).list(keys.chunks_of(run))]
