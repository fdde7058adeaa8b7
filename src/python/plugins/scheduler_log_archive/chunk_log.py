"""The log that chunks make up, read from the store as it is asked for: a chunk at a time is in
memory, none on a disk."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.keys import Chunk, joined


class ChunkLog:
    """What ``deposit`` wants of a log. Where bytes are in no chunk a line says so.

    ``read`` may raise ArchiveProblem."""

    def __init__(self, bucket: Bucket, chunks: Iterable[Chunk]) -> None:
        self._parts = list(_parts(bucket, chunks))
        self._left: Iterator[Callable[[], bytes]] = iter(())
        self._now = b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """To the begin, or the end: what a deposit does."""
        at_end = whence == 2
        self._left = iter(()) if at_end else iter([fetch for _, fetch in self._parts])
        self._now = b""
        return sum(size for size, _ in self._parts) if at_end else 0

    def read(self, size: int) -> bytes:
        """Fewer than ``size`` bytes at the end of a chunk, none at the end of the log only."""
        if not self._now:
            self._now = next(self._left, bytes)()
        data, self._now = self._now[:size], self._now[size:]
        return data


def _parts(bucket: Bucket, chunks: Iterable[Chunk]) -> Iterator[tuple[int, Callable[[], bytes]]]:
    end = 0
    for one in joined(chunks):
        if one.missing:
            note = _lost(end, one.chunk.offset)
            yield len(note), partial(bytes, note)
        chunk, end = one.chunk, one.chunk.end
        yield chunk.size - one.known, partial(bucket.read, chunk.key, one.known, chunk.size)


def _lost(start: int, end: int) -> bytes:
    return f"\n[scheduler: bytes {start} to {end - 1} of this log were lost]\n".encode()
