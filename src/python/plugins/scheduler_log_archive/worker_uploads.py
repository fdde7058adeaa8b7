"""The worker's service: sees to it that each log of the machine gets into the archive.

Each tick the new output of the runs that go on here goes up as chunks. Logs of runs that have
ended are stored whole, their addresses recorded, then chunks and files cleared away. While the
object store is away it is asked by back-off only, and the logs wait on the disk.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from typing import Protocol
from uuid import UUID

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.services import LocalLog
from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.disk_queue import DiskQueue
from scheduler_log_archive.errors import ArchiveProblem
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.log_upload import HeldLog, LogBusy, LogDone, LogGone, LogUpload
from scheduler_log_archive.marks import Done
from scheduler_log_archive.outage import Outage
from scheduler_log_archive.reading import Connect
from scheduler_log_archive.waiting import WaitingLog

log = get_logger("log_archive.uploads")

IDLE_SECONDS = 5.0
_AT_ONCE = 200
_SOON_SECONDS = 0.05
_BUSY_SECONDS = 2.0


class LogWriter(Protocol):
    """What of a worker is asked for (``plugin_api.services.WorkerView``)."""

    def running(self) -> frozenset[UUID]: ...

    def local_logs(self) -> Iterator[LocalLog]: ...


@dataclass(frozen=True, slots=True)
class _Carried:
    """A log that is stored, and held until the rest is done."""

    one: WaitingLog
    held: HeldLog
    done: Done


class WorkerUploads:
    """``clock`` tells Unix time, ``chance`` a number from 0 to 1. Safe for threads."""

    def __init__(
        self,
        worker: LogWriter,
        connect: Connect,
        board: FigureBoard,
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._worker, self._connect, self._board = worker, connect, board
        self._clock, self._chance = clock, chance
        self._outage = Outage(board, clock, chance)
        self._queue: DiskQueue | None = None
        self._threads = _Threads()
        self._chunks_at = 0.0
        self._round, self._stop = Lock(), Event()

    def tick(self) -> float:
        """One round; returns the seconds until the next."""
        with self._round:
            bucket = self._connect()
            if bucket is None or self._stop.is_set():
                self._board.set_waiting(0, None)
                return IDLE_SECONDS
            return self._tick(bucket)

    def drain(self, seconds: float) -> None:
        """Archive what has ended, as far as that goes within so many seconds: the worker is about
        to leave, and its disk perhaps with it."""
        until = self._clock() + seconds
        while self._clock() < until and self.tick() <= _SOON_SECONDS:
            pass

    def flush(self) -> None:
        """Archive all that has ended; returns when nothing is left that can be done now."""
        while self.tick() <= _SOON_SECONDS:
            pass

    def close(self) -> None:
        """Wait for the round under way, start nothing more, end the threads."""
        self._stop.set()
        with self._round:
            self._threads.close()

    def _tick(self, bucket: Bucket) -> float:
        pause = bucket.settings.log_archive_chunk_seconds
        queue = self._queue = self._queue or self._open()
        if queue is None:
            return pause
        queue.look(self._worker.running())
        if not self._outage.left():
            self._carry(bucket, queue, pause)
        queue.tidy(delete_archived=bucket.settings.log_local_delete_after_upload)
        self._board.set_waiting(*queue.waiting.backlog())
        if left := self._outage.left():
            return min(left, pause)
        now = self._clock()
        more = queue.waiting.due(now, 1)
        return _SOON_SECONDS if more else max(_SOON_SECONDS, self._chunks_at - now)

    def _open(self) -> DiskQueue | None:
        """None while there never was a log."""
        first = next(iter(self._worker.local_logs()), None)
        return DiskQueue(first.path.parents[2], self._clock) if first else None

    def _carry(self, bucket: Bucket, queue: DiskQueue, pause: float) -> None:
        try:
            bucket.ensure()
        except ArchiveProblem as problem:
            self._board.count(failures=1)
            self._outage.begin_or_go_on(problem)
            return
        upload, now = LogUpload(bucket, queue.marks), self._clock()
        pool = self._threads.of(bucket)
        if now >= self._chunks_at:
            self._chunks_at = now + pause
            self._send_new(upload, queue, pool)
        self._store(upload, queue, pool)

    # ------------------------------------------------------------------- while a run goes on

    def _send_new(self, upload: LogUpload, queue: DiskQueue, pool: ThreadPoolExecutor) -> None:
        def send(one: WaitingLog) -> None:
            found = self._tried(queue, one, lambda: upload.send_new(one.log, one.sent))
            if found is not None:
                one.sent, new_bytes = found
                self._board.count(uploaded_bytes=new_bytes)

        now = self._clock()
        running = queue.waiting.running(self._worker.running())
        list(pool.map(send, [one for one in running if not one.backoff.left(now)]))

    # ------------------------------------------------------------------------ when it has ended

    def _store(self, upload: LogUpload, queue: DiskQueue, pool: ThreadPoolExecutor) -> None:
        def store(one: WaitingLog) -> _Carried | None:
            found = self._tried(queue, one, lambda: upload.store(one.log))
            if found is None:
                return None
            held, done, sent = found
            self._board.count(uploaded_bytes=sent)
            return _Carried(one, held, done)

        due = queue.waiting.due(self._clock(), _AT_ONCE)
        carried = [each for each in pool.map(store, due) if each is not None]
        try:
            if carried and self._record(carried):
                list(pool.map(lambda each: self._settle(upload, queue, each), carried))
        finally:
            for each in carried:
                each.held.release()

    def _record(self, carried: Sequence[_Carried]) -> bool:
        try:
            record_log_refs({each.one.log.run_id: each.done.log_ref for each in carried})
        except SchedulerError as error:
            log.warning("log_refs_not_recorded", count=len(carried), reason=str(error))
            for each in carried:
                each.one.backoff.failed(self._clock(), self._chance())
            return False
        return True

    def _settle(self, upload: LogUpload, queue: DiskQueue, each: _Carried) -> None:
        def settle() -> bool:
            upload.settle(each.held, each.done, chunks=each.one.sent > 0)
            return True

        if self._tried(queue, each.one, settle):
            queue.waiting.finish(each.one.log.run_id, archived=True)
            self._board.count(archived=1)

    def _tried[T](self, queue: DiskQueue, one: WaitingLog, work: Callable[[], T]) -> T | None:
        """What ``work`` gives; None where it could not be done now."""
        if self._stop.is_set() or self._outage.left():
            return None
        try:
            result = work()
        except LogBusy:
            one.backoff.until = self._clock() + _BUSY_SECONDS
        except LogDone:
            queue.waiting.finish(one.log.run_id, archived=True)
        except LogGone:
            queue.waiting.finish(one.log.run_id, archived=False)
        except ArchiveProblem as problem:
            self._failed(one, problem)
        else:
            self._outage.end()
            one.backoff.succeeded()
            return result
        return None

    def _failed(self, one: WaitingLog, problem: ArchiveProblem) -> None:
        self._board.count(failures=1)
        if problem.away:
            self._outage.begin_or_go_on(problem)
            return
        if not one.backoff.failures:
            log.warning("log_not_archived", run_id=str(one.log.run_id), reason=str(problem))
        one.backoff.failed(self._clock(), self._chance())


class _Threads:
    """The threads of the uploads: as many as the bucket's settings say."""

    def __init__(self) -> None:
        self._bucket: Bucket | None = None
        self._pool: ThreadPoolExecutor | None = None

    def of(self, bucket: Bucket) -> ThreadPoolExecutor:
        if self._pool is None or self._bucket is not bucket:
            self.close()
            count = bucket.settings.log_archive_parallel_uploads
            self._pool = ThreadPoolExecutor(count, thread_name_prefix="log-archive")
            self._bucket = bucket
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
