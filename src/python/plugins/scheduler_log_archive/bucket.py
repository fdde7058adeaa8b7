"""What we ask of the object store, one method for each question. Safe for threads."""

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from scheduler_log_archive.client import DEFAULT_REGION, in_our_words, make_client
from scheduler_log_archive.errors import ArchiveProblem, ArchiveRefused, BucketMissing
from scheduler_log_archive.settings import LogArchiveSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TEXT = "text/plain; charset=utf-8"
_BLOCK = 64 * 1024
_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store tells of it: ``size`` is of the bytes stored; ``metadata`` is ours."""

    size: int
    etag: str
    encoding: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Headers:
    """What an object is stored with. ``only_new``: nothing may stand under the key yet."""

    metadata: Mapping[str, str]
    encoding: str = ""
    only_new: bool = False


class Bucket:
    """The bucket of some settings. Every method may raise ArchiveProblem."""

    def __init__(self, settings: LogArchiveSettings) -> None:
        self.settings = settings
        self.name = settings.log_archive_bucket
        self._lock = Lock()
        self._seen = False

    @cached_property
    def _made(self) -> "S3Client":
        return make_client(self.settings)

    @property
    def _client(self) -> "S3Client":
        with self._lock:
            return self._made

    @property
    def address(self) -> str:
        """The endpoint, as links begin."""
        return self._client.meta.endpoint_url.rstrip("/")

    # -------------------------------------------------------------------------- the bucket

    def check(self) -> None:
        """Return when the bucket answers; make it where it is missing and the settings allow."""
        try:
            with in_our_words(self.settings):
                # Not a HEAD: only an answer with a body says what is wrong with the keys.
                self._client.list_objects_v2(
                    Bucket=self.name, Prefix=self.settings.log_archive_prefix, MaxKeys=1
                )
        except BucketMissing:
            if not self.settings.log_archive_create_bucket:
                raise
            self._create()

    def ensure(self) -> None:
        """``check``, at the first use only: some stores make a bucket of any name they are given,
        without the rules that we would give it."""
        if not self._seen:
            self.check()
            self._seen = True

    def forget(self) -> None:
        """It is gone: the next ``ensure`` looks again."""
        self._seen = False

    @property
    def place(self) -> str:
        """Where objects go, told apart from every other place."""
        settings = self.settings
        parts = (settings.log_archive_s3_endpoint_url, self.name, settings.log_archive_prefix)
        return "/".join(parts)

    def _create(self) -> None:
        region = self._client.meta.region_name
        place: Any = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with in_our_words(self.settings), suppress(self._client.exceptions.BucketAlreadyOwnedByYou):
            self._client.create_bucket(
                Bucket=self.name, **({} if region == DEFAULT_REGION else place)
            )
        if self.settings.log_archive_expire_days:
            self._let_expire(self.settings.log_archive_expire_days)

    def _let_expire(self, days: int) -> None:
        prefix = self.settings.log_archive_prefix
        with in_our_words(self.settings):
            self._client.put_bucket_lifecycle_configuration(
                Bucket=self.name,
                LifecycleConfiguration={
                    "Rules": [
                        {
                            "ID": "scheduler-logs",
                            "Status": "Enabled",
                            "Filter": {"Prefix": f"{prefix}/" if prefix else ""},
                            "Expiration": {"Days": days},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        }
                    ]
                },
            )

    # ------------------------------------------------------------------------------ writing

    def put(self, key: str, data: bytes, headers: Headers) -> bool:
        """Store an object of one piece; the store checks it by its MD5.

        True when the answer proves what is stored, False when it does not (an encrypted bucket).
        Raises ObjectThere where ``headers.only_new`` and something is."""
        digest = hashlib.md5(data, usedforsecurity=False)
        with in_our_words(self.settings, key):
            answer = self._client.put_object(
                Bucket=self.name,
                Key=key,
                Body=data,
                ContentMD5=base64.b64encode(digest.digest()).decode(),
                **_described(headers),
                **_conditional(headers),
            )
        return _etag(answer) == digest.hexdigest()

    def put_parts(self, key: str, parts: Iterable[bytes], headers: Headers) -> bool:
        """Store an object of several pieces, each of 5 MiB or more but the last; as ``put``.

        All or nothing: what was sent before a failure is taken back. A piece at a time is in
        memory."""
        several = iter(parts)
        first = deque(islice(several, 2))
        if len(first) < 2:
            return self.put(key, b"".join(first), headers)
        with in_our_words(self.settings, key):
            upload = self._client.create_multipart_upload(
                Bucket=self.name, Key=key, **_described(headers)
            )["UploadId"]
        try:
            return self._send(key, upload, chain(_let_go(first), several), headers)
        except BaseException:
            with suppress(ArchiveProblem), in_our_words(self.settings, key):
                self._client.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload)
            raise

    def _send(self, key: str, upload: str, parts: Iterator[bytes], headers: Headers) -> bool:
        answer: Any
        sent: list[tuple[str, str]] = []
        with in_our_words(self.settings, key):
            for number, part in enumerate(parts, start=1):
                digest = hashlib.md5(part, usedforsecurity=False)
                answer = self._client.upload_part(
                    Bucket=self.name,
                    Key=key,
                    UploadId=upload,
                    PartNumber=number,
                    Body=part,
                    ContentMD5=base64.b64encode(digest.digest()).decode(),
                )
                sent.append((answer["ETag"], digest.hexdigest()))
            answer = self._client.complete_multipart_upload(
                Bucket=self.name,
                Key=key,
                UploadId=upload,
                MultipartUpload={
                    "Parts": [
                        {"ETag": etag, "PartNumber": number}
                        for number, (etag, _) in enumerate(sent, start=1)
                    ]
                },
                **_conditional(headers),
            )
        well = all(etag.strip('"') == digest for etag, digest in sent)
        return well and _etag(answer) == _etag_of_parts([digest for _, digest in sent])

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; what is gone already is no error."""
        for at in range(0, len(keys), _DELETED_AT_ONCE):
            some = keys[at : at + _DELETED_AT_ONCE]
            with in_our_words(self.settings, some[0]):
                answer = self._client.delete_objects(
                    Bucket=self.name,
                    Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
                )
            left = [one for one in answer.get("Errors", ()) if one.get("Code") != "NoSuchKey"]
            if left:
                step = "give the key the right to delete in the bucket"
                raise ArchiveRefused(self.name, str(left[0].get("Code")), step)

    # ------------------------------------------------------------------------------ reading

    def head(self, key: str) -> Stored:
        """Raises ObjectMissing."""
        with in_our_words(self.settings, key):
            answer = self._client.head_object(Bucket=self.name, Key=key)
        return Stored(
            size=answer["ContentLength"],
            etag=answer["ETag"],
            encoding=answer.get("ContentEncoding", ""),
            metadata=answer["Metadata"],
        )

    def read(self, key: str, start: int, end: int, etag: str = "") -> bytes:
        """The stored bytes from ``start`` to before ``end``. With ``etag``: of that version, else
        ObjectThere. Raises ObjectMissing."""
        return b"".join(self.stream(key, start, end, etag)) if end > start else b""

    def stream(self, key: str, start: int, end: int, etag: str = "") -> Iterator[bytes]:
        """As ``read``, in blocks; closing the iterator ends the request. ``end`` is above
        ``start``."""
        match: Any = {"IfMatch": etag} if etag else {}
        with in_our_words(self.settings, key):
            answer = self._client.get_object(
                Bucket=self.name, Key=key, Range=f"bytes={start}-{end - 1}", **match
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(_BLOCK)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and size of every object below ``prefix``, in the order of keys."""
        for page in self._pages(prefix):
            for one in page.get("Contents", ()):
                yield one["Key"], one["Size"]

    def folders(self, prefix: str) -> Iterator[str]:
        """The beginnings up to the next ``/`` of the keys below ``prefix``."""
        for page in self._pages(prefix, Delimiter="/"):
            for one in page.get("CommonPrefixes", ()):
                yield one["Prefix"]

    def _pages(self, prefix: str, **more: Any) -> Iterator[Any]:
        pages = self._client.get_paginator("list_objects_v2")
        with in_our_words(self.settings):
            yield from pages.paginate(Bucket=self.name, Prefix=prefix, **more)

    def presigned(self, key: str, seconds: int) -> str:
        """An address at which anybody may read the object for so long. Asks nobody."""
        with in_our_words(self.settings, key):
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=seconds
            )


def _described(headers: Headers) -> Any:
    described: dict[str, Any] = {"Metadata": dict(headers.metadata), "ContentType": TEXT}
    return {**described, "ContentEncoding": headers.encoding} if headers.encoding else described


def _conditional(headers: Headers) -> Any:
    return {"IfNoneMatch": "*"} if headers.only_new else {}


def _let_go(parts: deque[bytes]) -> Iterator[bytes]:
    """Each part, and it is not kept for as long as the upload takes."""
    while parts:
        yield parts.popleft()


def _etag_of_parts(digests: Sequence[str]) -> str:
    """What S3 says of an object whose parts have these MD5s."""
    together = hashlib.md5(bytes.fromhex("".join(digests)), usedforsecurity=False)
    return f"{together.hexdigest()}-{len(digests)}"


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')
