"""The archive as the core reads it: ``plugin_api.archive.LogArchive``."""

from collections.abc import Callable, Iterator
from time import monotonic
from urllib.parse import unquote
from uuid import UUID

from scheduler.plugin_api.archive import ArchivedRun, LogPiece
from scheduler.queries.run_logs import folder_of_job
from scheduler_log_archive.bucket import Bucket, Stored
from scheduler_log_archive.deposit import GZIP, log_size
from scheduler_log_archive.errors import ArchiveUnavailable, ObjectMissing, ObjectThere
from scheduler_log_archive.keys import Joint, Keys, address, in_line, key_in
from scheduler_log_archive.unzipping import Pages, TooSlow

READ_SECONDS = 10.0
_TRIES = 2

Connect = Callable[[], Bucket | None]
"""The bucket by the settings in force; None where the archive is switched off."""


class S3LogArchive:
    """Reads whole logs, and of runs that have none yet what chunks there are. Safe for threads.

    ``clock`` tells seconds that only grow."""

    def __init__(self, connect: Connect, clock: Callable[[], float] = monotonic) -> None:
        self._connect, self._clock = connect, clock
        self._pages = Pages()

    def read(self, run: ArchivedRun, offset: int, limit: int) -> LogPiece | None:
        """None where nothing was archived. Raises ArchiveProblem, after some ten seconds at
        the latest."""
        bucket = self._connect()
        if bucket is None:
            return None
        deadline = self._clock() + READ_SECONDS
        reading = _Reading(bucket, self._pages, lambda: self._clock() < deadline)
        for _ in range(_TRIES):
            try:
                return reading.log(run, offset, limit) or reading.chunks(run, offset, limit)
            except (ObjectThere, ObjectMissing):
                # Replaced, or put together of its chunks, between two requests.
                continue
        return None

    def link(self, run: ArchivedRun) -> str | None:
        """The public address, a presigned one, or the endpoint's, as the settings say."""
        bucket = self._connect()
        key = recorded_key(bucket, run.run_id, run.log_ref) if bucket else None
        if bucket is None or key is None:
            return None
        settings = bucket.settings
        if settings.log_archive_public_base_url or not settings.log_archive_presign_seconds:
            return log_ref(bucket, key)
        return bucket.presigned(key, settings.log_archive_presign_seconds)

    def takes_logs(self) -> bool:
        return self._connect() is not None


def log_ref(bucket: Bucket, key: str) -> str:
    """The address that is recorded for an archived log."""
    base = bucket.settings.log_archive_public_base_url or bucket.address
    return address(base, bucket.name, key)


def recorded_key(bucket: Bucket, run_id: UUID, log_ref: str) -> str | None:
    """The key that a recorded address names, by the addresses in force or else by the bucket's
    name in it; None where it is no address of the run's log in the bucket."""
    for base in (bucket.settings.log_archive_public_base_url, bucket.address):
        begin = address(base, bucket.name, "")
        if base and log_ref.startswith(begin):
            return unquote(log_ref.removeprefix(begin))
    return key_in(log_ref, bucket.name, run_id)


class _Reading:
    """One question, with its time limit."""

    def __init__(self, bucket: Bucket, pages: Pages, in_time: Callable[[], bool]) -> None:
        self._bucket, self._pages, self._in_time = bucket, pages, in_time
        self._keys = Keys(bucket.settings.log_archive_prefix)

    def log(self, run: ArchivedRun, offset: int, limit: int) -> LogPiece | None:
        for key in self._places(run):
            try:
                stored = self._bucket.head(key)
            except ObjectMissing:
                continue
            return self._page(key, stored, offset, limit)
        return None

    def _places(self, run: ArchivedRun) -> Iterator[str]:
        recorded = recorded_key(self._bucket, run.run_id, run.log_ref)
        if recorded is not None:
            yield recorded
        elif run.ended:
            yield from self._keys.guesses(run.run_id, folder_of_job(run.job_name))

    def _page(self, key: str, stored: Stored, offset: int, limit: int) -> LogPiece:
        size = log_size(stored)
        start = _start(offset, size)
        end = min(size, start + limit)
        if start >= end:
            data = b""
        elif stored.encoding == GZIP:
            data = self._unzipped(key, stored, start, end - start)
        else:
            data = self._bucket.read(key, start, end, stored.etag)
        complete = stored.metadata.get("complete", "1") == "1"
        return LogPiece(data, start + len(data), size, complete)

    def _unzipped(self, key: str, stored: Stored, start: int, limit: int) -> bytes:
        def fetch(at: int) -> Iterator[bytes]:
            if at >= stored.size:
                return iter(())
            return self._bucket.stream(key, at, stored.size, stored.etag)

        try:
            return self._pages.read(f"{key} {stored.etag}", start, limit, fetch, self._in_time)
        except TooSlow:
            why = f"it took longer than {READ_SECONDS:.0f} s to reach byte {start}; ask again"
            raise ArchiveUnavailable(key, why) from None

    def chunks(self, run: ArchivedRun, offset: int, limit: int) -> LogPiece | None:
        listed = self._bucket.list(self._keys.chunks_of(run.run_id))
        found = in_line(chunk for one in listed if (chunk := self._keys.parse_chunk(*one)))
        if not found:
            return None
        size = found[-1].chunk.end
        start = _start(offset, size)
        data = b"".join(self._parts(found, start, min(size, start + limit)))
        return LogPiece(data, start + len(data), size, complete=False)

    def _parts(self, found: list[Joint], start: int, end: int) -> Iterator[bytes]:
        for one in found:
            chunk = one.chunk
            first = max(start, chunk.offset + one.known)
            last = min(end, chunk.end)
            if first < last:
                yield self._bucket.read(chunk.key, first - chunk.offset, last - chunk.offset)


def _start(offset: int, size: int) -> int:
    return max(0, size + offset) if offset < 0 else min(offset, size)
