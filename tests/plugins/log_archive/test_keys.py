"""Names of objects, without a store."""

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_log_archive.backoff import Backoff
from scheduler_log_archive.keys import Chunk, Keys, LogName, address, in_line, joined, key_in

RUN = UUID("01a21474-4240-7409-a92c-67da069491da")
NAME = LogName(RUN, date(2026, 1, 31), "集計-1")


@pytest.mark.parametrize(("prefix", "start"), [("", ""), ("a/b", "a/b/")])
def test_keys_stand_below_the_prefix(prefix, start):
    keys = Keys(prefix)
    assert keys.log(NAME) == f"{start}2026-01-31/集計-1/{RUN}.log"
    chunk = keys.chunk(NAME, 1234)
    assert chunk == f"{start}.chunks/{RUN}/2026-01-31/集計-1/00000000000000001234"
    assert keys.parse_chunk(chunk, 5) == Chunk(chunk, NAME, 1234, 5)
    assert keys.run_of(f"{start}.chunks/{RUN}/") == RUN


@pytest.mark.parametrize(
    "key",
    [
        "other/.chunks/x",
        "p/.chunks/no-run/2026-01-31/j/0",
        f"p/.chunks/{RUN}/2026-13-31/j/0",
        f"p/.chunks/{RUN}/2026-01-31/j/-1",
        f"p/.chunks/{RUN}/0",
        "p/2026-01-31/j/x.log",
    ],
)
def test_a_stranger_s_key_is_no_chunk(key):
    assert Keys("p").parse_chunk(key, 1) is None


def test_an_address_leads_back_to_its_key():
    key = Keys("a b/c").log(NAME)
    assert key_in(address("https://host/s3", "logs", key), "logs", RUN) == key


@pytest.mark.parametrize(
    "log_ref",
    [
        "",
        "/var/log/x.log",
        f"file:///logs/{RUN}.log",
        f"http://host/logs/{UUID(int=1)}.log",
        f"http://host/another/{RUN}.log",
        f"ftp://host/logs/{RUN}.log",
    ],
)
def test_what_is_no_address_of_the_run_in_the_bucket_has_no_key(log_ref):
    assert key_in(log_ref, "logs", RUN) is None


def test_only_ids_that_hold_a_time_are_guessed_from():
    assert list(Keys("").guesses(UUID(int=(1 << 128) - 1), "job")) == []
    assert [key[:10] for key in Keys("").guesses(RUN, "job")] == ["2026-11-25", "2026-11-26"]


# So few places that most of the chunks touch or overlap, and some begin the log.
PLACES = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=8)


@given(PLACES)
def test_chunks_of_one_log_however_they_overlap_make_all_that_they_hold_once(places):
    log = bytes(range(14))
    chunks = [Chunk(f"k{start}", NAME, start, size) for start, size in places]
    found, end = b"", 0
    for one in joined(chunks):
        assert (one.missing == 0) or (one.known == 0)
        start = one.chunk.offset + one.known
        assert start == end + one.missing
        found += log[start : one.chunk.end]
        end = one.chunk.end
    covered = sorted({at for chunk in chunks for at in range(chunk.offset, chunk.end)})
    assert found == bytes(covered)


@given(PLACES)
def test_in_line_is_what_reaches_from_the_begin_to_the_first_gap(places):
    chunks = [Chunk(f"k{start}", NAME, start, size) for start, size in places]
    covered = {at for chunk in chunks for at in range(chunk.offset, chunk.end)}
    reach = next(at for at in range(20) if at not in covered)
    line = in_line(chunks)
    assert (line[-1].chunk.end if line else 0) == reach


def test_a_backoff_doubles_up_to_its_limit_and_begins_anew_after_a_success():
    backoff = Backoff(first_seconds=1, longest_seconds=10)
    waits = []
    for _ in range(6):
        backoff.failed(100.0, chance=1.0)
        waits.append(backoff.left(100.0))
    assert waits == [1, 2, 4, 8, 10, 10]
    backoff.failed(100.0, chance=0.0)
    assert backoff.left(100.0) == 5
    backoff.succeeded()
    assert backoff.left(100.0) == 0
    backoff.failed(100.0, chance=1.0)
    assert backoff.left(100.5) == 0.5
