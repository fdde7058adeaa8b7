"""The log of any run, read from where it is: its worker while that lives, else this machine,
else the archive of a plugin. Whoever reads it does not know which.

The worker answers over the control line (mTLS), which a process that is no worker opens when it
first needs it. Without certificates only this machine's logs, and the archive's, can be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from scheduler.bootstrap.runlogs import RunLogs
from scheduler.domain.errors import (
    CertificateProblem,
    PeerUnreachable,
    RunNotFound,
    SchedulerError,
)
from scheduler.models import JobRun, JobRunDetail, WorkerLease
from scheduler.plugin_api.archive import ArchivedRun
from scheduler.plugin_api.archive_reading import ArchiveReader
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.ports import LogChunk

if TYPE_CHECKING:
    from scheduler.transport.client import GrpcWorkerLink
log = structlog.get_logger(__name__)

CHUNK_AT_MOST = 256 * 1024

type FindArchive = Callable[[], ArchiveReader | None]
"""Asked only where it is needed. May raise SchedulerError: then there is none."""


class LogNotFound(SchedulerError):
    """The run exists, and no log of it can be read from here. ``log_ref`` is where it went."""

    code = "LOG_NOT_FOUND"

    def __init__(self, run_id: UUID, why: str, log_ref: str = "") -> None:
        self.run_id, self.why, self.log_ref = run_id, why, log_ref
        hint = f"see {log_ref}" if log_ref else "it may have been purged, or is on another machine"
        super().__init__(f"There is no log of run {run_id} here ({why}); {hint}.")


@dataclass(frozen=True, slots=True)
class _Line:
    """What of the settings decides how workers are spoken to."""

    insecure: bool
    cert_file: str
    key_file: str
    ca_file: str

    @classmethod
    def of(cls, core: CoreSettings) -> "_Line":
        return cls(core.grpc_insecure, core.tls_cert_file, core.tls_key_file, core.tls_ca_file)


@cache
def _link(line: _Line) -> "GrpcWorkerLink":
    """One for the process: its channels are kept open and shared by all threads.

    Raises CertificateProblem."""
    # Whoever resolves an address of the site imports this module; gRPC costs 100 ms and threads.
    from scheduler.transport.client import GrpcWorkerLink
    from scheduler.transport.tls import CertificateWatch, TlsFiles

    if line.insecure:
        return GrpcWorkerLink(None)
    ca_file = Path(line.ca_file) if line.ca_file else None
    return GrpcWorkerLink(
        CertificateWatch(TlsFiles(Path(line.cert_file), Path(line.key_file), ca_file))
    )


def read_run_log(
    run_id: UUID, offset: int, limit: int, settings: CoreSettings, archive: FindArchive
) -> LogChunk:
    """At most ``limit`` bytes from ``offset`` on (negative: from the end).

    ``finished`` when the run has ended and this is the end. Raises RunNotFound, LogNotFound."""
    run = _run(run_id)
    if run.started_at is None:
        raise LogNotFound(run_id, "it never started" if run.finished_at else "it has not started")
    chunk, why = _from_worker(run, offset, limit, settings)
    if chunk is None:
        chunk, here = _from_disk(run_id, offset, limit, settings)
        why = f"{why}, {here}" if here else why
    if chunk is not None:
        ended = run.finished_at is not None and chunk.next_offset >= chunk.size
        return LogChunk(chunk.data, chunk.next_offset, chunk.size, finished=ended)
    chunk, there = _from_archive(run, offset, limit, archive)
    if chunk is None:
        raise LogNotFound(run_id, f"{why}, {there}" if there else why, _log_ref(run_id))
    return chunk


def log_link(run_id: UUID, archive: FindArchive) -> str | None:
    """Where a browser finds the whole log of a run that has ended; None where the archive does not
    say. Raises RunNotFound."""
    run = _run(run_id)
    reader = _reader(archive) if run.finished_at else None
    return reader.link(_archived(run)) if reader else None


def _run(run_id: UUID) -> JobRun:
    run = JobRun.objects.filter(pk=run_id).select_related("definition").first()
    if run is None:
        raise RunNotFound(run_id)
    return run


def _log_ref(run_id: UUID) -> str:
    kept = JobRunDetail.objects.filter(pk=run_id).values_list("log_ref", flat=True).first()
    return kept or ""


def _archived(run: JobRun) -> ArchivedRun:
    ended = run.finished_at is not None
    return ArchivedRun(run.pk, run.definition.name, _log_ref(run.pk), ended)


def _reader(archive: FindArchive) -> ArchiveReader | None:
    try:
        return archive()
    except SchedulerError as error:
        log.warning("log_archive_not_found", reason=str(error))
        return None


def _from_archive(
    run: JobRun, offset: int, limit: int, archive: FindArchive
) -> tuple[LogChunk | None, str]:
    reader = _reader(archive)
    if reader is None:
        return None, ""
    piece, answered = reader.read(_archived(run), offset, limit)
    if piece is None:
        return None, "and was not archived" if answered else "and the archive does not answer now"
    # Of a worker that is gone nothing more will come, though the whole was never archived.
    whole = piece.complete or not _lives(run.worker_id)
    ended = run.finished_at is not None and piece.next_offset >= piece.size and whole
    return LogChunk(piece.data, piece.next_offset, piece.size, finished=ended), ""


def _lives(worker_id: str | None) -> bool:
    return WorkerLease.objects.filter(pk=worker_id, state="LIVE").exists()


def _from_worker(
    run: JobRun, offset: int, limit: int, settings: CoreSettings
) -> tuple[LogChunk | None, str]:
    leases = WorkerLease.objects.filter(pk=run.worker_id, state="LIVE")
    address = leases.values_list("grpc_address", flat=True).first()
    if address is None:
        return None, f"worker {run.worker_id} is gone"
    try:
        return _link(_Line.of(settings)).read_log(address, run.pk, offset, limit), ""
    except (PeerUnreachable, RunNotFound, CertificateProblem) as error:
        log.warning("run_log_not_read", run_id=str(run.pk), worker=address, reason=str(error))
        return None, f"worker {run.worker_id} did not give it"


def _from_disk(
    run_id: UUID, offset: int, limit: int, settings: CoreSettings
) -> tuple[LogChunk | None, str]:
    try:
        return RunLogs(Path(settings.log_dir)).read(run_id, offset, limit), ""
    except RunNotFound:
        return None, ""
    except OSError as error:
        # Such as a web process that runs as another user than the workers.
        log.warning("run_log_not_read", run_id=str(run_id), reason=str(error))
        return None, f"and what is here cannot be read: {error.strerror}"
