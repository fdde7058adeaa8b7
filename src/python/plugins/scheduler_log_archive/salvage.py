"""The leader's service: logs of runs whose worker went with its disk, made of their chunks.

Chunks of a run that has ended are left in three cases: its worker is gone (a log is made of
them); its log is archived, and the uploader ended before it had cleared them away (they are
deleted, and if they hold more of it a log is made of them first); or its worker still has to
upload the log (nothing is done). Runs that the database does not know are somebody else's, and are
left alone.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import batched
from uuid import UUID

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.queries.run_logs import RunLogState, run_log_states
from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.backoff import Backoff
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.chunk_log import ChunkLog
from scheduler_log_archive.deposit import deposit, log_size
from scheduler_log_archive.errors import (
    ArchiveProblem,
    ArchiveUnavailable,
    BucketMissing,
    ObjectMissing,
    ObjectThere,
)
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.keys import Chunk, Keys, in_line
from scheduler_log_archive.outage import Outage
from scheduler_log_archive.reading import Connect, log_ref, recorded_key

log = get_logger("log_archive.salvage")

PAUSE_SECONDS = 60.0
BEGIN_SECONDS = 15.0
"""A process that has just begun, and leads perhaps, has better to do than to load boto3."""

_LONGEST_SECONDS = 3600.0
_ASKED_AT_ONCE = 500


class Salvage:
    """``clock`` tells Unix time, ``steady`` seconds that only grow, ``chance`` a number from 0 to
    1. One thread; two leaders at a time do no harm."""

    def __init__(
        self,
        connect: Connect,
        board: FigureBoard,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connect, self._board = connect, board
        self._clock, self._steady, self._chance = clock, steady, chance
        self._outage = Outage(board, steady, chance)
        self._begin = steady() + BEGIN_SECONDS
        self._failing: dict[UUID, Backoff] = {}

    def tick(self) -> float:
        """One look at all chunks; returns the seconds until the next."""
        if (left := self._begin - self._steady()) > 0:
            return left
        bucket = self._connect()
        if bucket is not None and not self._outage.left():
            try:
                self._sweep(bucket)
                self._outage.end()
            except ArchiveProblem as problem:
                if isinstance(problem, BucketMissing):
                    bucket.forget()
                self._board.count(failures=1)
                self._outage.begin_or_go_on(problem)
            except SchedulerError as error:
                log.warning("log_salvage_waits_for_the_database", reason=str(error))
        return self._outage.left() or PAUSE_SECONDS

    def _sweep(self, bucket: Bucket) -> None:
        bucket.ensure()
        keys = Keys(bucket.settings.log_archive_prefix)
        before, self._failing = self._failing, {}
        for runs in batched(_runs(bucket, keys), _ASKED_AT_ONCE, strict=False):
            self._failing |= {run: before[run] for run in runs if run in before}
            for state in run_log_states(runs).values():
                self._try_to_see_to(bucket, keys, state)

    def _try_to_see_to(self, bucket: Bucket, keys: Keys, state: RunLogState) -> None:
        """One log that cannot be made, or cleared away, keeps no other from it."""
        backoff = self._failing.get(state.run_id) or Backoff(PAUSE_SECONDS, _LONGEST_SECONDS)
        if backoff.left(self._steady()):
            return
        try:
            self._see_to(bucket, keys, state)
        except (ArchiveUnavailable, BucketMissing):
            raise
        except ArchiveProblem as problem:
            self._board.count(failures=1)
            log.warning("log_not_salvaged", run_id=str(state.run_id), reason=str(problem))
            backoff.failed(self._steady(), self._chance())
            self._failing[state.run_id] = backoff
        else:
            self._failing.pop(state.run_id, None)

    def _see_to(self, bucket: Bucket, keys: Keys, state: RunLogState) -> None:
        if state.ended_at is None:
            return
        grace = bucket.settings.log_archive_salvage_after_seconds
        if self._clock() - state.ended_at.timestamp() < grace:
            return
        archived = recorded_key(bucket, state.run_id, state.log_ref)
        if archived is None and state.worker_lives:
            return
        chunks = list(_chunks(bucket, keys, state.run_id))
        try:
            if chunks and archived is None:
                self._make_log(bucket, keys.log(chunks[0].name), state, chunks, only_new=True)
            elif archived is not None and _hold_more(bucket, archived, chunks):
                self._make_log(bucket, archived, state, chunks, only_new=False)
            bucket.delete([chunk.key for chunk in chunks])
        except ObjectMissing:
            # Its own worker came back and has just cleared them away.
            return

    def _make_log(
        self, bucket: Bucket, key: str, state: RunLogState, chunks: list[Chunk], *, only_new: bool
    ) -> None:
        try:
            deposit(
                bucket,
                key,
                ChunkLog(bucket, chunks),
                compress_above=bucket.settings.log_archive_compress_above_bytes,
                complete=False,
                only_new=only_new,
            )
        except ObjectThere:
            log.info("log_was_archived_already", run_id=str(state.run_id))
        record_log_refs({state.run_id: log_ref(bucket, key)})
        self._board.count(salvaged=1)
        log.info("log_salvaged", run_id=str(state.run_id), job=state.job_name)


def _hold_more(bucket: Bucket, key: str, chunks: list[Chunk]) -> bool:
    """Whether the chunks hold more of the log than the object does: a machine that lost its power
    may have lost the end of its file, which had gone up before; or the object is gone."""
    line = in_line(chunks)
    try:
        return bool(line) and line[-1].chunk.end > log_size(bucket.head(key))
    except ObjectMissing:
        return True


def _runs(bucket: Bucket, keys: Keys) -> Iterator[UUID]:
    found = (keys.run_of(folder) for folder in bucket.folders(keys.chunks))
    return (run for run in found if run is not None)


def _chunks(bucket: Bucket, keys: Keys, run_id: UUID) -> Iterable[Chunk]:
    listed = bucket.list(keys.chunks_of(run_id))
    return (chunk for one in listed if (chunk := keys.parse_chunk(*one)) is not None)
