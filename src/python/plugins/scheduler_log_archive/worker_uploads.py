"""The worker's service: sees to it that each log of the machine gets into the archive.

Each tick the new output of the runs that go on here goes up as chunks. Logs of runs that have
ended are stored whole, their addresses recorded, then chunks and files cleared away. While the
object store is away it is asked by back-off only, and the logs wait on the disk.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock
from typing import Protocol
from uuid import UUID

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.plugin_api.services import LocalLog
from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.disk_queue import DiskQueue
from scheduler_log_archive.errors import ArchiveProblem, ArchiveUnavailable, BucketMissing
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.log_upload import HeldLog, LogBusy, LogDone, LogGone, LogUpload, Stopped
from scheduler_log_archive.marks import Done
from scheduler_log_archive.outage import Outage
from scheduler_log_archive.reading import Connect
from scheduler_log_archive.upload_threads import UploadThreads
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
    """``clock`` tells Unix time, ``steady`` seconds that only grow (a clock that is set must not
    keep a log waiting), ``chance`` a number from 0 to 1. Safe for threads."""

    def __init__(
        self,
        worker: LogWriter,
        connect: Connect,
        board: FigureBoard,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._worker, self._connect, self._board = worker, connect, board
        self._clock, self._steady, self._chance = clock, steady, chance
        self._outage = Outage(board, steady, chance)
        self._bucket_gone = Event()
        self._queue: DiskQueue | None = None
        self._threads = UploadThreads()
        self._finished: SimpleQueue[tuple[UUID, bool]] = SimpleQueue()
        self._chunks_at = steady()
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
        until = self._steady() + seconds
        while self._steady() < until and self.tick() <= _SOON_SECONDS:
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
        self._look(queue)
        if not self._outage.left():
            self._carry(bucket, queue, pause)
            self._take_finished(queue)
        queue.tidy(delete_archived=bucket.settings.log_local_delete_after_upload)
        self._board.set_waiting(*queue.waiting.backlog())
        if left := self._outage.left():
            return min(left, pause)
        now = self._steady()
        more = queue.waiting.due(now, 1)
        return _SOON_SECONDS if more else max(_SOON_SECONDS, self._chunks_at - now)

    def _open(self) -> DiskQueue | None:
        """None while there never was a log."""
        first = next(iter(self._worker.local_logs()), None)
        return DiskQueue(first.path.parents[2], self._clock, self._steady) if first else None

    def _look(self, queue: DiskQueue) -> None:
        self._take_finished(queue)
        queue.look(self._worker.running())

    def _take_finished(self, queue: DiskQueue) -> None:
        """The threads only say what they have done: the queue is this one's."""
        while not self._finished.empty():
            run_id, archived = self._finished.get()
            queue.waiting.finish(run_id, archived=archived)

    def _carry(self, bucket: Bucket, queue: DiskQueue, pause: float) -> None:
        if self._bucket_gone.is_set():
            bucket.forget()
        try:
            bucket.ensure()
        except ArchiveProblem as problem:
            self._board.count(failures=1)
            self._outage.begin_or_go_on(problem)
            return
        if self._bucket_gone.is_set():
            queue.forget_sent()
            self._bucket_gone.clear()
        elif not self._threads.are_of(bucket):
            # To another place perhaps; the marks know.
            queue.waiting.forget_sent()
        upload = LogUpload(bucket, queue.marks, self._stop.is_set)
        threads = self._threads.of(bucket)
        self._send_new(upload, queue, threads, pause)
        stored = [
            threads.of_whole_logs.submit(partial(self._stored, upload, one))
            for one in queue.waiting.due(self._steady(), _AT_ONCE)
        ]
        left = set(stored)
        while left:
            # Large logs take long; the others' chunks must not wait for them.
            _, left = wait(left, timeout=max(_SOON_SECONDS, self._chunks_at - self._steady()))
            if left and self._steady() >= self._chunks_at:
                self._look(queue)
                self._send_new(upload, queue, threads, pause)
        self._finish(upload, threads, [each for one in stored if (each := one.result())])

    # ------------------------------------------------------------------- while a run goes on

    def _send_new(
        self, upload: LogUpload, queue: DiskQueue, threads: UploadThreads, pause: float
    ) -> None:
        def send(one: WaitingLog) -> None:
            found = self._tried(one, lambda: upload.send_new(one.log, one.sent))
            if found is not None:
                one.sent, new_bytes = found
                self._board.count(uploaded_bytes=new_bytes)

        now = self._steady()
        if now < self._chunks_at:
            return
        self._chunks_at = now + pause
        running = queue.waiting.running(self._worker.running())
        threads.of_chunks.each(send, [one for one in running if not one.backoff.left(now)])

    # ------------------------------------------------------------------------ when it has ended

    def _stored(self, upload: LogUpload, one: WaitingLog) -> _Carried | None:
        found = self._tried(one, lambda: upload.store(one.log))
        if found is None:
            return None
        held, done, sent = found
        self._board.count(uploaded_bytes=sent)
        return _Carried(one, held, done)

    def _finish(self, upload: LogUpload, threads: UploadThreads, carried: list[_Carried]) -> None:
        try:
            if carried and self._record(carried):
                threads.of_whole_logs.each(partial(self._settle, upload), carried)
        finally:
            for each in carried:
                each.held.release()

    def _record(self, carried: Sequence[_Carried]) -> bool:
        try:
            record_log_refs({each.one.log.run_id: each.done.log_ref for each in carried})
        except SchedulerError as error:
            log.warning("log_refs_not_recorded", count=len(carried), reason=str(error))
            for each in carried:
                each.one.backoff.failed(self._steady(), self._chance())
            return False
        return True

    def _settle(self, upload: LogUpload, each: _Carried) -> None:
        marked = upload.settle(each.held, each.done)
        self._finished.put((each.one.log.run_id, True))
        self._board.count(archived=1)
        if marked or each.one.sent:
            self._clear_chunks(upload, each)

    def _clear_chunks(self, upload: LogUpload, each: _Carried) -> None:
        """Chunks that cannot be cleared away now the leader clears away later: the log is archived,
        and must not go up again for them."""
        if self._stop.is_set() or self._outage.left():
            return
        run_id = each.one.log.run_id
        try:
            upload.clear_chunks(run_id, each.done)
        except ArchiveUnavailable as problem:
            self._failed(each.one, problem)
        except ArchiveProblem as problem:
            self._board.count(failures=1)
            log.warning("log_chunks_left", run_id=str(run_id), reason=str(problem))

    def _tried[T](self, one: WaitingLog, work: Callable[[], T]) -> T | None:
        """What ``work`` gives; None where it could not be done now."""
        if self._stop.is_set() or self._outage.left():
            return None
        try:
            result = work()
        except Stopped:
            return None
        except LogBusy:
            one.backoff.until = self._steady() + _BUSY_SECONDS
        except (LogDone, LogGone) as why:
            self._finished.put((one.log.run_id, isinstance(why, LogDone)))
        except ArchiveProblem as problem:
            self._failed(one, problem)
        except Exception:
            # A fault of ours, met at one log, must not keep all others from the archive.
            log.exception("log_upload_broke", run_id=str(one.log.run_id))
            self._board.count(failures=1)
            one.backoff.failed(self._steady(), self._chance())
        else:
            self._outage.end()
            one.backoff.succeeded()
            return result
        return None

    def _failed(self, one: WaitingLog, problem: ArchiveProblem) -> None:
        self._board.count(failures=1)
        if problem.away:
            if isinstance(problem, BucketMissing):
                self._bucket_gone.set()
            self._outage.begin_or_go_on(problem)
            return
        if not one.backoff.failures:
            log.warning("log_not_archived", run_id=str(one.log.run_id), reason=str(problem))
        one.backoff.failed(self._steady(), self._chance())
