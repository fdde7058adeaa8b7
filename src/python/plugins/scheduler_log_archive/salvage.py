"""The leader's service: logs of runs whose worker went with its disk, made of their chunks.

Chunks of a run that has ended are left in three cases: its worker is gone (a log is made of
them); its log is archived, and the uploader ended before it had cleared them away (they are
deleted); or its worker still has to upload the log (nothing is done). Runs that the database does
not know are somebody else's, and are left alone.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import batched
from uuid import UUID

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.logs import get_logger
from scheduler.queries.run_logs import RunLogState, run_log_states
from scheduler.requests.run_logs import record_log_refs
from scheduler_log_archive.bucket import Bucket
from scheduler_log_archive.deposit import deposit
from scheduler_log_archive.errors import ArchiveProblem, ObjectMissing, ObjectThere
from scheduler_log_archive.figures import FigureBoard
from scheduler_log_archive.keys import Chunk, Keys, in_line, key_in
from scheduler_log_archive.outage import Outage
from scheduler_log_archive.reading import Connect, log_ref

log = get_logger("log_archive.salvage")

PAUSE_SECONDS = 60.0
BEGIN_SECONDS = 15.0
"""A process that has just begun, and leads perhaps, has better to do than to load boto3."""

_IN_MEMORY = 8 * 1024 * 1024
_ASKED_AT_ONCE = 500


class Salvage:
    """``clock`` tells Unix time. One thread; two leaders at a time do no harm."""

    def __init__(
        self, connect: Connect, board: FigureBoard, clock: Callable[[], float] = time.time
    ) -> None:
        self._connect, self._board, self._clock = connect, board, clock
        self._outage = Outage(board, clock)
        self._begin = clock() + BEGIN_SECONDS

    def tick(self) -> float:
        """One look at all chunks; returns the seconds until the next."""
        if (left := self._begin - self._clock()) > 0:
            return left
        bucket = self._connect()
        if bucket is not None and not self._outage.left():
            try:
                self._sweep(bucket)
                self._outage.end()
            except ArchiveProblem as problem:
                self._board.count(failures=1)
                self._outage.begin_or_go_on(problem)
            except SchedulerError as error:
                log.warning("log_salvage_waits_for_the_database", reason=str(error))
        return self._outage.left() or PAUSE_SECONDS

    def _sweep(self, bucket: Bucket) -> None:
        bucket.ensure()
        keys = Keys(bucket.settings.log_archive_prefix)
        for runs in batched(_runs(bucket, keys), _ASKED_AT_ONCE, strict=False):
            states = run_log_states(runs)
            for state in states.values():
                self._see_to(bucket, keys, state)

    def _see_to(self, bucket: Bucket, keys: Keys, state: RunLogState) -> None:
        if state.ended_at is None:
            return
        grace = bucket.settings.log_archive_salvage_after_seconds
        if self._clock() - state.ended_at.timestamp() < grace:
            return
        archived = key_in(state.log_ref, bucket.name, state.run_id) is not None
        if not archived and state.worker_lives:
            return
        chunks = list(_chunks(bucket, keys, state.run_id))
        try:
            if chunks and not archived:
                self._make_log(bucket, keys, state, chunks)
            bucket.delete([chunk.key for chunk in chunks])
        except ObjectMissing:
            # Its own worker came back and has just cleared them away.
            return

    def _make_log(
        self, bucket: Bucket, keys: Keys, state: RunLogState, chunks: list[Chunk]
    ) -> None:
        key = keys.log(chunks[0].name)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as joined:
            for chunk, known in in_line(chunks):
                joined.write(bucket.read(chunk.key, known, chunk.size))
            try:
                deposit(
                    bucket,
                    key,
                    joined,
                    compress_above=bucket.settings.log_archive_compress_above_bytes,
                    complete=False,
                    only_new=True,
                )
            except ObjectThere:
                log.info("log_was_archived_already", run_id=str(state.run_id))
        record_log_refs({state.run_id: log_ref(bucket, key)})
        self._board.count(salvaged=1)
        log.info("log_salvaged", run_id=str(state.run_id), job=state.job_name)


def _runs(bucket: Bucket, keys: Keys) -> Iterator[UUID]:
    found = (keys.run_of(folder) for folder in bucket.folders(keys.chunks))
    return (run for run in found if run is not None)


def _chunks(bucket: Bucket, keys: Keys, run_id: UUID) -> Iterable[Chunk]:
    listed = bucket.list(keys.chunks_of(run_id))
    return (chunk for one in listed if (chunk := keys.parse_chunk(*one)) is not None)
