"""What is done with one log: its new bytes as chunks, then all of it as one object.

One uploader of a machine at a time has a log, by a lock on its file. Uploaders on several machines
cannot hurt each other: a chunk's key is its offset, and the whole log's key is the run's.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.services import LocalLog
from scheduler_log_archive.bucket import Bucket, Headers
from scheduler_log_archive.deposit import deposit
from scheduler_log_archive.errors import LogUnreadable
from scheduler_log_archive.keys import Keys, LogName, in_line
from scheduler_log_archive.marks import Done, Marks
from scheduler_log_archive.reading import log_ref

log = get_logger("log_archive.log_upload")

CHUNK_BYTES = 8 * 1024 * 1024
_CHUNKS_AT_ONCE = 8
_GREW_AT_MOST = 3


class LogGone(Exception):
    """There is no such file any more."""


class LogDone(Exception):
    """Another uploader has archived the log already."""


class LogBusy(Exception):
    """Another uploader has the log now."""


class Stopped(Exception):
    """The worker is leaving: what was under way is given up, and done again by the next."""


@dataclass(slots=True)
class HeldLog:
    """A log that is ours until ``release``."""

    log: LocalLog
    file: BinaryIO

    def release(self) -> None:
        self.file.close()


class LogUpload:
    """Carries logs of one folder into a bucket. Safe for threads, each with logs of its own.

    Methods raise ArchiveProblem, LogGone, LogDone, LogBusy, or Stopped once ``stopped`` says so."""

    def __init__(
        self, bucket: Bucket, marks: Marks, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._bucket, self._marks, self._stopped = bucket, marks, stopped
        self._keys = Keys(bucket.settings.log_archive_prefix)

    def send_new(self, log: LocalLog, sent: int) -> tuple[int, int]:
        """Send what was written after the first ``sent`` bytes (or after those that a mark says
        were sent) as chunks; returns how many bytes are in the archive now, and how many went up.

        At most 64 MiB at a time, so that one log does not hold up the others."""
        with self._held(log) as held:
            sent = max(sent, self._marks.sent(log.run_id, self._bucket.place))
            begun = sent
            for data in self._new_chunks(held, sent):
                key = self._keys.chunk(LogName.of(log), sent)
                self._bucket.put(key, data, Headers({}))
                sent += len(data)
            if sent > begun:
                self._marks.mark_sent(log.run_id, sent, self._bucket.place)
        return sent, sent - begun

    def store(self, log: LocalLog) -> tuple[HeldLog, Done, int]:
        """Store the whole log, and once more if it grew meanwhile; returns it held, with what is
        to be recorded and the bytes sent. ``settle`` and ``release`` it afterwards."""
        held = self._take(log)
        try:
            return (held, *self._store(held))
        except BaseException:
            held.release()
            raise

    def _store(self, held: HeldLog) -> tuple[Done, int]:
        settings = self._bucket.settings
        key, sent = self._keys.log(LogName.of(held.log)), 0
        with _readable(held.log):
            for _ in range(_GREW_AT_MOST):
                stored = deposit(
                    self._bucket,
                    key,
                    _Readings(held.file, self._stopped),
                    compress_above=settings.log_archive_compress_above_bytes,
                )
                sent += stored.sent
                if os.fstat(held.file.fileno()).st_size == stored.size:
                    break
        return Done(log_ref(self._bucket, key), stored.size, stored.sha256), sent

    def settle(self, held: HeldLog, done: Done) -> bool:
        """What is left to do on the disk once the log is stored and its address recorded: its file
        goes, if nothing was written to it since, or it is marked. Returns whether a mark says that
        chunks of it went up."""
        run_id = held.log.run_id
        chunks = self._marks.sent(run_id, self._bucket.place) > 0
        delete = self._bucket.settings.log_local_delete_after_upload
        if delete and _is_whole(held.file, done) and _delete(held.log):
            self._marks.forget(run_id)
        else:
            self._marks.mark_done(run_id, done)
        return chunks

    def clear_chunks(self, run_id: UUID, done: Done) -> None:
        """Delete the chunks of an archived log. Those that hold more of it than what is archived
        are left to the leader, which makes a log of them: a machine that lost its power may have
        lost the end of the file after that had gone up."""
        listed = list(self._bucket.list(self._keys.chunks_of(run_id)))
        line = in_line(chunk for one in listed if (chunk := self._keys.parse_chunk(*one)))
        if line and line[-1].chunk.end > done.size:
            log.warning("log_shorter_than_its_chunks", run_id=str(run_id), size=done.size)
            return
        self._bucket.delete([key for key, _ in listed])

    @contextmanager
    def _held(self, log: LocalLog) -> Iterator[HeldLog]:
        held = self._take(log)
        try:
            yield held
        finally:
            held.release()

    def _take(self, log: LocalLog) -> HeldLog:
        with _readable(log):
            file = _opened(log.path)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.fstat(file.fileno()).st_nlink:
                    raise LogGone
                if self._marks.done(log.run_id):
                    raise LogDone
            except BaseException:
                file.close()
                raise
        return HeldLog(log, file)

    def _new_chunks(self, held: HeldLog, sent: int) -> Iterator[bytes]:
        for number in range(_CHUNKS_AT_ONCE):
            with _readable(held.log):
                held.file.seek(sent + number * CHUNK_BYTES)
                data = held.file.read(CHUNK_BYTES)
            if data:
                yield data
            if len(data) < CHUNK_BYTES:
                return


class _Readings:
    """A file that can be read until we are stopped: a large log takes minutes to go up."""

    def __init__(self, file: BinaryIO, stopped: Callable[[], bool]) -> None:
        self._file, self._stopped = file, stopped
        self.name = file.name

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int) -> bytes:
        if self._stopped():
            raise Stopped
        return self._file.read(size)


@contextmanager
def _readable(log: LocalLog) -> Iterator[None]:
    """Errors of the file in our words; those of the line are ArchiveProblems already."""
    try:
        yield
    except FileNotFoundError:
        raise LogGone from None
    except BlockingIOError:
        raise LogBusy from None
    except OSError as error:
        raise LogUnreadable(log.path, error.strerror or type(error).__name__) from None


def _opened(path: Path) -> BinaryIO:
    """For reading; open for writing too where that may be: over NFS only such a file is locked."""
    try:
        return path.open("r+b")
    except FileNotFoundError:
        raise
    except OSError:
        return path.open("rb")


def _is_whole(file: BinaryIO, done: Done) -> bool:
    with suppress(OSError):
        return os.fstat(file.fileno()).st_size == done.size
    return False


def _delete(log: LocalLog) -> bool:
    try:
        log.path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
