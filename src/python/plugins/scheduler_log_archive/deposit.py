"""A whole log into one object, so that what is stored is what was read. Knows no runs.

The object's metadata say what it holds: ``size`` and ``sha256`` of the uncompressed log, and
``complete`` (``1``, or ``0`` for a log put together of chunks, whose end may be missing). The same
log makes the same bytes, whoever stores it.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from scheduler_log_archive.bucket import Bucket, Headers, Stored
from scheduler_log_archive.errors import LogChanged, ObjectDiffers
from scheduler_log_archive.unzipping import unzipped

GZIP = "gzip"
_MIB = 1024 * 1024
_PART = 8 * _MIB
_PARTS_AT_MOST = 9_000
_BLOCK = 256 * 1024
_LEVEL = 4
_GZIP_WINDOW = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Deposit:
    """What is stored: size and SHA-256 of the log, and the bytes that went over the line."""

    size: int
    sha256: str
    sent: int


class Log(Protocol):
    """What of a file is needed of a log."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...


def deposit(
    bucket: Bucket,
    key: str,
    log: Log,
    *,
    compress_above: int,
    complete: bool = True,
    only_new: bool = False,
) -> Deposit:
    """Store the log as it is at the call; what is appended meanwhile is left out.

    Returns when what is stored was verified. Raises LogChanged where its bytes changed between
    two looks, ObjectDiffers, ObjectThere (``only_new``), or another ArchiveProblem."""
    size = log.seek(0, 2)
    sha256 = _digest(_blocks(log, size))
    counted = _Counted(_blocks(log, size))
    compressed = size > compress_above
    encoded = _zipped(counted) if compressed else iter(counted)
    metadata = {"size": str(size), "sha256": sha256, "complete": str(int(complete))}
    headers = Headers(metadata, GZIP if compressed else "", only_new)
    parts = _Counted(_cut(encoded, _part_size(size)))
    proven = bucket.put_parts(key, parts, headers)
    if (counted.size, counted.sha256.hexdigest()) != (size, sha256):
        raise LogChanged(getattr(log, "name", key))
    _verify(bucket, key, metadata, parts.size, proven=proven)
    return Deposit(size, sha256, parts.size)


def verify(bucket: Bucket, key: str) -> Stored:
    """Read the whole object and compare it with its own metadata. Raises ObjectDiffers,
    ObjectMissing."""
    stored = bucket.head(key)
    found = _Counted(_content(bucket, key, stored))
    for _ in found:
        pass
    if found.sha256.hexdigest() != stored.metadata.get("sha256"):
        raise ObjectDiffers(key, f"{found.size} bytes with another SHA-256")
    return stored


def log_size(stored: Stored) -> int:
    """The uncompressed size of what is stored."""
    return int(stored.metadata.get("size", stored.size))


def _verify(bucket: Bucket, key: str, metadata: dict[str, str], sent: int, *, proven: bool) -> None:
    stored = bucket.head(key)
    if dict(stored.metadata) != metadata:
        # Another uploader was a moment later; its own check is to tell whether that went well.
        raise ObjectDiffers(key, "it was replaced meanwhile")
    if stored.size != sent:
        raise ObjectDiffers(key, f"{stored.size} bytes instead of {sent}")
    if not proven:
        verify(bucket, key)


def _content(bucket: Bucket, key: str, stored: Stored) -> Iterator[bytes]:
    if not stored.size:
        return iter(())
    stream = bucket.stream(key, 0, stored.size, stored.etag)
    return unzipped(stream) if stored.encoding == GZIP else stream


class _Counted:
    """Blocks as they pass by, with their size and SHA-256 so far."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.size, self.sha256 = 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.size += len(block)
            self.sha256.update(block)
            yield block


def _digest(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def _blocks(log: Log, size: int) -> Iterator[bytes]:
    """The first ``size`` bytes, or fewer where there are no more."""
    log.seek(0)
    while size > 0 and (block := log.read(min(_BLOCK, size))):
        size -= len(block)
        yield block


def _zipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    press = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    for block in blocks:
        yield press.compress(block)
    yield press.flush()


def _cut(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of ``size``, the last one shorter; one empty piece of nothing."""
    piece, some = bytearray(), False
    for block in blocks:
        piece += block
        while len(piece) >= size:
            with memoryview(piece) as seen:
                full = bytes(seen[:size])
            del piece[:size]
            yield full
            del full
            some = True
    if piece or not some:
        yield bytes(piece)


def _part_size(size: int) -> int:
    """So large that the store's limit of 10,000 parts suffices."""
    return max(_PART, -(-size // _PARTS_AT_MOST // _MIB) * _MIB)
