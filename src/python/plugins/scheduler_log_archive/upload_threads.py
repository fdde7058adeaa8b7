"""The threads of the uploads. A request may take as long as the store likes, and the threads of
``concurrent.futures`` would keep the process from ending until it has answered; these do not."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread

from scheduler_log_archive.bucket import Bucket

type _Call = Callable[[], None]


class Pool:
    """Up to ``count`` threads, made as they are needed. One thread submits and closes."""

    def __init__(self, count: int, name: str) -> None:
        self._count, self._name = count, name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def submit[T](self, work: Callable[[], T]) -> Future[T]:
        """What ``work`` gives or raises, once a thread has done it."""
        future: Future[T] = Future()
        self._calls.put(lambda: _carry_out(work, future))
        if len(self._threads) < self._count:
            thread = Thread(target=self._serve, name=self._name, daemon=True)
            thread.start()
            self._threads.append(thread)
        return future

    def each[T](self, work: Callable[[T], None], things: Iterable[T]) -> None:
        """``work`` on each thing; returns when all are done, raises what the first raised."""
        futures = [self.submit(partial(work, thing)) for thing in things]
        for future in futures:
            future.result()

    def close(self) -> None:
        """Wait for what is submitted, and end."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


class UploadThreads:
    """As many threads of each kind as the bucket's settings say."""

    def __init__(self) -> None:
        self._bucket: Bucket | None = None
        self._pools: tuple[Pool, ...] = ()

    @property
    def of_chunks(self) -> Pool:
        return self._pools[0]

    @property
    def of_whole_logs(self) -> Pool:
        return self._pools[1]

    def are_of(self, bucket: Bucket) -> bool:
        """Whether these were made for that bucket."""
        return self._bucket is bucket

    def of(self, bucket: Bucket) -> "UploadThreads":
        """These, made anew where the bucket is another one."""
        if self._bucket is not bucket:
            self.close()
            count = bucket.settings.log_archive_parallel_uploads
            self._pools = tuple(Pool(count, f"log-archive-{kind}") for kind in ("chunks", "logs"))
            self._bucket = bucket
        return self

    def close(self) -> None:
        for pool in self._pools:
            pool.close()
        self._bucket, self._pools = None, ()


def _carry_out[T](work: Callable[[], T], future: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
