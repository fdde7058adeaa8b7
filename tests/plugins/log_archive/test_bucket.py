"""What we ask of the store, against a real one."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduler_log_archive import deposit as deposits
from scheduler_log_archive.bucket import Bucket, Headers
from scheduler_log_archive.deposit import deposit, verify
from scheduler_log_archive.errors import (
    ArchiveRefused,
    LogChanged,
    ObjectDiffers,
    ObjectMissing,
    ObjectThere,
)

PLAIN = Headers({})
MIB = 1024 * 1024


@pytest.fixture
def bucket(settings):
    bucket = Bucket(settings)
    bucket.ensure()
    return bucket


@pytest.fixture
def log(tmp_path):
    """A function that makes an open log of these bytes."""
    opened = []

    def make(data):
        path = tmp_path / f"{len(opened)}.log"
        path.write_bytes(data)
        opened.append(path.open("rb"))
        return opened[-1]

    yield make
    for file in opened:
        file.close()


def test_a_missing_bucket_is_made_with_its_rule_where_that_is_wanted(make_settings):
    refused = Bucket(make_settings(log_archive_bucket="made", log_archive_create_bucket=False))
    with pytest.raises(ArchiveRefused, match="CREATE_BUCKET"):
        refused.ensure()
    made = make_settings(
        log_archive_bucket="made", log_archive_prefix="p", log_archive_expire_days=30
    )
    Bucket(made).ensure()
    refused.ensure()
    (rule,) = Bucket(made)._client.get_bucket_lifecycle_configuration(Bucket="made")["Rules"]
    assert (rule["Expiration"]["Days"], rule["Filter"]["Prefix"]) == (30, "p/")


@pytest.mark.parametrize("parts", [[b"x"], [b"a" * 5 * MIB, b"b"]], ids=["one piece", "parts"])
def test_only_new_means_that_nothing_is_replaced(bucket, parts):
    key = f"{bucket.settings.log_archive_prefix}/new"
    only_new = Headers({}, only_new=True)
    assert bucket.put_parts(key, parts, only_new)
    with pytest.raises(ObjectThere):
        bucket.put_parts(key, [b"other"], only_new)
    with pytest.raises(ObjectThere):
        bucket.put_parts(key, [b"c" * 5 * MIB, b"d"], only_new)
    assert bucket.read(key, 0, 1) == parts[0][:1]


def test_an_upload_in_parts_that_fails_leaves_nothing_behind(bucket):
    key = f"{bucket.settings.log_archive_prefix}/broken"

    def breaking():
        yield b"a" * 5 * MIB
        yield b"b" * 5 * MIB
        raise OSError("the disk broke")

    with pytest.raises(OSError, match="the disk broke"):
        bucket.put_parts(key, breaking(), PLAIN)
    uploads = bucket._client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])
    assert [one for one in uploads if one["Key"] == key] == []
    with pytest.raises(ObjectMissing):
        bucket.head(key)


def test_a_large_log_takes_no_more_memory_than_the_setting_says(bucket, log):
    file = log(bytes(48 * MIB))
    bucket.check()
    tracemalloc.start()
    try:
        key = f"{bucket.settings.log_archive_prefix}/many-parts"
        deposit(bucket, key, file, compress_above=1 << 40)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 28 * MIB


def test_more_than_a_thousand_objects_are_listed_and_deleted(bucket):
    prefix = f"{bucket.settings.log_archive_prefix}/many/"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: bucket.put(f"{prefix}{number:04}", b"", PLAIN), range(1005)))
    keys = [key for key, _ in bucket.list(prefix)]
    assert len(keys) == 1005
    bucket.delete(keys)
    assert list(bucket.list(prefix)) == []
    bucket.delete(keys[:1])


def test_a_version_that_was_replaced_is_not_mixed_with_the_new_one(bucket):
    key = f"{bucket.settings.log_archive_prefix}/replaced"
    bucket.put(key, b"old", PLAIN)
    etag = bucket.head(key).etag
    bucket.put(key, b"new", PLAIN)
    with pytest.raises(ObjectThere):
        bucket.read(key, 0, 3, etag)


@pytest.mark.parametrize("above", [0, 1 << 40], ids=["compressed", "plain"])
def test_the_same_log_makes_the_same_object_whoever_stores_it(bucket, log, above):
    data = b"line\n" * 100_000
    key = f"{bucket.settings.log_archive_prefix}/same"
    etags = set()
    for _ in range(2):
        deposit(bucket, key, log(data), compress_above=above)
        etags.add(bucket.head(key).etag)
    assert len(etags) == 1
    assert verify(bucket, key).metadata["size"] == "500000"


def test_what_was_altered_in_the_store_is_found(bucket, log):
    key = f"{bucket.settings.log_archive_prefix}/altered"
    deposit(bucket, key, log(b"as it was"), compress_above=1 << 40)
    bucket.put(key, b"as it is ", Headers(bucket.head(key).metadata))
    with pytest.raises(ObjectDiffers, match="another SHA-256"):
        verify(bucket, key)


def test_a_store_that_puts_the_parts_together_otherwise_is_read_back(bucket, log, monkeypatch):
    """Each part is well, and so is each part's ETag; that of the whole is another's."""
    monkeypatch.setattr("scheduler_log_archive.bucket._etag_of_parts", lambda digests: "another-3")
    verified = []
    whole = deposits.verify
    monkeypatch.setattr(deposits, "verify", lambda *args: verified.append(whole(*args)))
    key = f"{bucket.settings.log_archive_prefix}/parts"
    deposit(bucket, key, log(b"x" * 17 * MIB), compress_above=1 << 40)
    assert len(verified) == 1


def test_parts_that_are_proven_are_not_read_back(bucket, log, monkeypatch):
    monkeypatch.setattr(deposits, "verify", lambda *_: pytest.fail("read back"))
    key = f"{bucket.settings.log_archive_prefix}/parts"
    deposit(bucket, key, log(b"x" * 17 * MIB), compress_above=1 << 40)


def test_a_store_whose_answer_proves_nothing_is_read_back(bucket, log, monkeypatch):
    """As buckets that encrypt: their ETag is no MD5."""
    monkeypatch.setattr("scheduler_log_archive.bucket._etag", lambda answer: "encrypted")
    reads = []
    stream = Bucket.stream

    def noted(self, *args):
        reads.append(args)
        return stream(self, *args)

    monkeypatch.setattr(Bucket, "stream", noted)
    key = f"{bucket.settings.log_archive_prefix}/encrypted"
    deposit(bucket, key, log(b"x" * 1000), compress_above=1 << 40)
    assert len(reads) == 1


def test_a_log_that_changes_in_place_is_not_taken_for_stored(bucket, log, monkeypatch):
    file = log(b"a" * 1000)
    key = f"{bucket.settings.log_archive_prefix}/changing"
    digest = deposits._digest

    def digest_then_change(blocks):
        found = digest(blocks)
        with open(file.name, "r+b") as other:
            other.write(b"b")
        return found

    monkeypatch.setattr(deposits, "_digest", digest_then_change)
    with pytest.raises(LogChanged):
        deposit(bucket, key, file, compress_above=1 << 40)
