"""The S3 client of boto3, made as the settings say, and its errors in our words."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scheduler_log_archive.errors import (
    ArchiveProblem,
    ArchiveRefused,
    ArchiveUnavailable,
    BucketMissing,
    ObjectDiffers,
    ObjectMissing,
    ObjectRefused,
    ObjectThere,
)
from scheduler_log_archive.settings import LogArchiveSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# At debug it writes whole requests, with the session tokens of temporary credentials.
logging.getLogger("botocore").setLevel(logging.INFO)

DEFAULT_REGION = "us-east-1"
_CONNECT_SECONDS = 5.0
# Ours is the patience: what fails is tried again with a back-off that people can see.
_TRIES = 2

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_THERE = frozenset({"412", "PreconditionFailed", "ConditionalRequestConflict"})
_CORRUPTED = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"})
_WAIT = frozenset({"429", "SlowDown", "RequestTimeout", "ServiceUnavailable", "InternalError"})
_REFUSALS = {
    "InvalidAccessKeyId": "check SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check SCHEDULER_LOG_ARCHIVE_SECRET_ACCESS_KEY",
    "AccessDenied": "give the key the rights to read, write, list and delete in the bucket",
    "RequestTimeTooSkewed": "set this machine's clock",
    "AuthorizationHeaderMalformed": "check SCHEDULER_LOG_ARCHIVE_S3_REGION",
    "PermanentRedirect": "check SCHEDULER_LOG_ARCHIVE_S3_REGION",
    "301": "check SCHEDULER_LOG_ARCHIVE_S3_REGION",
    "ExpiredToken": "renew the credentials of the environment",
    "401": "check the keys",
    "403": "check the keys and their rights to the bucket",
}


def make_client(settings: LogArchiveSettings) -> "S3Client":
    """A client, safe for threads, with time limits. Asks nobody, unless it has to look for
    credentials. The first of a process takes some 200 ms, each more 15. Raises ArchiveRefused for
    a configuration boto3 cannot use."""
    # 100 ms and more, which only a process that speaks to the store should pay.
    import botocore.session
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError

    _check_ca_file(settings)
    knows_services = botocore.session.get_session()
    knows_services.register_component("data_loader", _service_descriptions())
    try:
        session = Session(
            botocore_session=knows_services,
            aws_access_key_id=settings.log_archive_access_key_id or None,
            aws_secret_access_key=settings.log_archive_secret_access_key.get_secret_value() or None,
            region_name=settings.log_archive_s3_region or None,
        )
        return session.client(
            "s3",
            region_name=session.region_name or DEFAULT_REGION,
            endpoint_url=settings.log_archive_s3_endpoint_url or None,
            verify=settings.log_archive_ca_file or None,
            config=_config(settings),
        )
    except (BotoCoreError, OSError, ValueError) as error:
        why = f"the client cannot be made: {error}"
        raise ArchiveRefused(where(settings), why, "check the settings") from None


@cache
def _service_descriptions() -> Any:
    """What botocore reads of S3 from its files, megabytes of JSON, once for the process."""
    import botocore.loaders

    return botocore.loaders.create_loader()


def _check_ca_file(settings: LogArchiveSettings) -> None:
    path = settings.log_archive_ca_file
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except OSError as error:
        why = f"the CA file {path} cannot be used: {error.strerror or type(error).__name__}"
        raise ArchiveRefused(where(settings), why, "check SCHEDULER_LOG_ARCHIVE_CA_FILE") from None


def where(settings: LogArchiveSettings) -> str:
    """The archive's place for sentences: host and bucket."""
    address = settings.log_archive_s3_endpoint_url
    host = urlsplit(address).netloc if address else "Amazon S3"
    return f"{settings.log_archive_bucket} at {host}"


def _config(settings: LogArchiveSettings) -> Any:
    from botocore.config import Config

    limit = settings.log_archive_timeout_seconds
    return Config(
        signature_version="s3v4",
        connect_timeout=min(limit, _CONNECT_SECONDS),
        read_timeout=limit,
        retries={"total_max_attempts": _TRIES, "mode": "standard"},
        max_pool_connections=2 * settings.log_archive_parallel_uploads + 4,
        s3={"addressing_style": "path" if settings.path_style else "virtual"},
        # Stores that are not Amazon's do not know the newer checksums; Content-MD5 they all do.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


@contextmanager
def in_our_words(settings: LogArchiveSettings, key: str = "") -> Iterator[None]:
    """Errors of boto3, of the network and of a body cut short become ArchiveProblems."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        raise _of_answer(error, settings, key) from None
    except NoCredentialsError:
        step = "set SCHEDULER_LOG_ARCHIVE_ACCESS_KEY_ID and _SECRET_ACCESS_KEY"
        raise ArchiveRefused(where(settings), "no credentials were found", step) from None
    except BotoCoreError as error:
        raise ArchiveUnavailable(where(settings), _reason(error)) from None


def _of_answer(error: Any, settings: LogArchiveSettings, key: str) -> ArchiveProblem:
    answer = error.response
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(answer.get("Error", {}).get("Code", "") or status)
    if code == "NoSuchBucket" or (code in _MISSING and not key):
        return BucketMissing(where(settings))
    if code in _REFUSALS:
        return ArchiveRefused(where(settings), code, _REFUSALS[code])
    if code in _MISSING:
        return ObjectMissing(key)
    if code in _THERE:
        return ObjectThere(key)
    if code in _CORRUPTED:
        return ObjectDiffers(key, code)
    if status >= 500 or code in _WAIT:
        return ArchiveUnavailable(where(settings), f"it answers {code}")
    return ObjectRefused(key, code)


def _reason(error: Exception) -> str:
    """The kind of an error: its text holds whole addresses, signatures among them."""
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in type(error).__name__)
    return words.strip().lower()
