"""A compressed log read from any place, page after page, without beginning anew each time.

gzip has no index: who wants the bytes from an offset on must unpack all before it. So the state
of the unpacking at the end of each page is kept; the next page goes on from there. The states are
bounded in number, each holds about 100 KB.
"""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

KEPT = 64
_WINDOW = zlib.MAX_WBITS | 32
_STEP = 256 * 1024

Fetch = Callable[[int], Iterator[bytes]]
"""The compressed bytes from an offset to the end, in blocks."""


class TooSlow(Exception):
    """The page was not reached in time; what was done is kept, so another try gets further."""


@dataclass(frozen=True, slots=True)
class _State:
    """The unpacking at ``position`` (unpacked); ``left`` was fetched and not yet looked at,
    ``fetched`` is the compressed offset of what follows it."""

    position: int
    unpacker: Any
    left: bytes
    fetched: int

    def copy(self) -> "_State":
        return _State(self.position, self.unpacker.copy(), self.left, self.fetched)


class Pages:
    """Reads pages of compressed objects, told apart by their ``version`` (an ETag). Safe for
    threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, Lock()
        self._states: OrderedDict[tuple[str, int], _State] = OrderedDict()

    def read(
        self, version: str, offset: int, limit: int, fetch: Fetch, in_time: Callable[[], bool]
    ) -> bytes:
        """At most ``limit`` unpacked bytes from ``offset`` on; fewer at the end only.

        ``fetch`` is called once at most. Raises TooSlow once ``in_time`` says no, and zlib.error
        for what is no gzip."""
        reading = _Reading(self._nearest(version, offset), fetch)
        try:
            for skipped in reading.pieces(offset, in_time):
                del skipped
            return b"".join(reading.pieces(offset + limit, in_time))
        finally:
            reading.close()
            self._keep(version, reading.state())

    def _nearest(self, version: str, offset: int) -> _State:
        with self._lock:
            before = [key for key in self._states if key[0] == version and key[1] <= offset]
            if not before:
                return _State(0, zlib.decompressobj(_WINDOW), b"", 0)
            key = max(before, key=lambda one: one[1])
            self._states.move_to_end(key)
            return self._states[key].copy()

    def _keep(self, version: str, state: _State) -> None:
        with self._lock:
            self._states[version, state.position] = state
            self._states.move_to_end((version, state.position))
            while len(self._states) > self._kept:
                self._states.popitem(last=False)


class _Reading:
    """One unpacking on its way."""

    def __init__(self, begin: _State, fetch: Fetch) -> None:
        self._position, self._unpacker = begin.position, begin.unpacker
        self._left, self._fetched = begin.left, begin.fetched
        self._fetch = fetch
        self._blocks: Iterator[bytes] | None = None

    def state(self) -> _State:
        return _State(self._position, self._unpacker, self._left, self._fetched)

    def pieces(self, until: int, in_time: Callable[[], bool]) -> Iterator[bytes]:
        """What comes up to the unpacked position ``until``, or to the end."""
        while self._position < until and not self._unpacker.eof:
            if not in_time():
                raise TooSlow
            ended = not self._left and not self._fetch_more()
            # Asked at the end too: a long repetition may be held back without any bytes left.
            piece = self._unpacker.decompress(self._left, min(_STEP, until - self._position))
            self._left = self._unpacker.unconsumed_tail
            self._position += len(piece)
            if ended and not piece:
                return
            yield piece

    def close(self) -> None:
        """End the request."""
        if isinstance(self._blocks, Generator):
            self._blocks.close()

    def _fetch_more(self) -> bool:
        if self._blocks is None:
            self._blocks = self._fetch(self._fetched)
        self._left = next(self._blocks, b"")
        self._fetched += len(self._left)
        return bool(self._left)


def unzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The unpacked bytes of a whole object, in pieces of bounded size."""
    endless = _Reading(_State(0, zlib.decompressobj(_WINDOW), b"", 0), lambda _: iter(blocks))
    return endless.pieces(1 << 62, lambda: True)
