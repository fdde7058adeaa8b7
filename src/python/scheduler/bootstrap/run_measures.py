"""Finished runs of this worker on their way to the plugins that measure them.

The agent hands over its committed results and goes on. A thread of its own reads what it needs to
know of their rows (cluster time, the job's name) and tells the plugins, in batches: at once after a
quiet second, else once a second, for a question to the RDB costs as much as many runs' figures. The
queue is bounded: where plugins are slower than the runs, the oldest are dropped and counted.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock
from time import monotonic
from uuid import UUID

import structlog
from django.db import DatabaseError, close_old_connections, connection

from scheduler.domain.values import Reason, RunResult
from scheduler.models import JobRun
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.metrics import RunMeasure

log = structlog.get_logger(__name__)

QUEUE_AT_MOST = 10_000
BATCH_SIZE = 500
RETRY_SECONDS = 2.0
IDLE_SECONDS = 3600.0
PAUSE_SECONDS = 1.0

WITHOUT_PROCESS = frozenset({Reason.START_FAILED, Reason.NEVER_STARTED})


class RunsDropped(Exception):
    """So many finished runs no plugin was told of."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the RDB knows of a finished run; instants are cluster time."""

    job_name: str
    queue: str
    attempt: int
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime


class RunMeasures:
    """``push`` is for the agent's thread, ``tick`` for a loop with ``wake`` as its bell."""

    def __init__(
        self,
        host: PluginHost,
        facts: Callable[[Sequence[UUID]], Mapping[UUID, RunFacts]] | None = None,
        queue_at_most: int = QUEUE_AT_MOST,
    ) -> None:
        self.wake = Event()
        self._host, self._facts = host, facts or read_facts
        self._lock = Lock()
        self._waiting: deque[RunResult] = deque()
        self._at_most = queue_at_most
        self._dropped = 0
        self._told_at = float("-inf")

    def push(self, results: Sequence[RunResult]) -> None:
        """Take committed results; neither waits nor raises."""
        with self._lock:
            were = len(self._waiting)
            self._waiting.extend(results)
            are = len(self._waiting)
            while len(self._waiting) > self._at_most:
                self._waiting.popleft()
                self._dropped += 1
        if were == 0 or were < BATCH_SIZE <= are:
            self.wake.set()

    def tick(self, now: float) -> float:
        """Tell one batch if it is time to; returns when to look again (boottime)."""
        if 0 < len(self._waiting) < BATCH_SIZE and now < self._told_at + PAUSE_SECONDS:
            return self._told_at + PAUSE_SECONDS
        return self._tell(now)

    def _tell(self, now: float) -> float:
        dropped, results = self._taken()
        if dropped:
            text = f"{dropped} finished runs were dropped: the plugins are slower than the runs"
            self._host.not_measured(RunsDropped(text))
        if not results:
            return now + IDLE_SECONDS
        self._told_at = now
        try:
            facts = self._facts([result.run_id for result in results])
        except DatabaseError as error:
            connection.close()
            log.warning("run_facts_not_read", reason=str(error).partition("\n")[0])
            self._put_back(results)
            return now + RETRY_SECONDS
        self._host.measured(
            [measure(one, facts[one.run_id]) for one in results if one.run_id in facts]
        )
        return now

    def tell_rest(self, seconds: float) -> None:
        """Tell what still waits, at the end; what cannot be told within ``seconds`` is lost."""
        deadline = monotonic() + seconds
        while self._waiting and monotonic() < deadline and self._tell(0.0) == 0.0:
            pass
        connection.close()

    def _taken(self) -> tuple[int, list[RunResult]]:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
            size = min(BATCH_SIZE, len(self._waiting))
            return dropped, [self._waiting.popleft() for _ in range(size)]

    def _put_back(self, results: Sequence[RunResult]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(results))


def read_facts(run_ids: Sequence[UUID]) -> Mapping[UUID, RunFacts]:
    """Of the runs that the RDB has, over Django's connection. Raises DatabaseError."""
    close_old_connections()
    rows = JobRun.objects.filter(pk__in=run_ids, finished_at__isnull=False).values_list(
        "id",
        "definition__name",
        "definition__queue",
        "attempt",
        "due_at",
        "started_at",
        "finished_at",
    )
    return {
        run_id: RunFacts(name, queue, attempt, due_at, started_at, finished_at)
        for run_id, name, queue, attempt, due_at, started_at, finished_at in rows
        if finished_at is not None
    }


def measure(result: RunResult, facts: RunFacts) -> RunMeasure:
    """What plugins are told of one run."""
    use, measured = result.use, result.use.max_rss_bytes > 0
    return RunMeasure(
        run_id=result.run_id,
        job_name=facts.job_name,
        queue=facts.queue,
        attempt=facts.attempt,
        state=result.state,
        reason=str(result.reason or ""),
        due_at=facts.due_at,
        started_at=None if result.reason in WITHOUT_PROCESS else facts.started_at,
        finished_at=facts.finished_at,
        cpu_user_seconds=use.cpu_user_seconds if measured else None,
        cpu_system_seconds=use.cpu_system_seconds if measured else None,
        max_rss_bytes=use.max_rss_bytes if measured else None,
        read_bytes=use.read_bytes,
        write_bytes=use.write_bytes,
    )
