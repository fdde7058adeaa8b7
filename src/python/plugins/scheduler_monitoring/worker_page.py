"""What a worker shows at /metrics: itself, and the runs that ended on it.

Counters and histograms begin at zero with the process, as Prometheus expects of a process; what
must outlive it is counted for the cluster (``tallies``).
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from scheduler.plugin_api.metrics import RunMeasure
from scheduler.plugin_api.mounts import PageAnswer, PageRequest
from scheduler.plugin_api.services import LeadershipChange, WorkerSnapshot, WorkerView
from scheduler_monitoring import figures
from scheduler_monitoring.access import may_read
from scheduler_monitoring.exposition import (
    CONTENT_TYPE,
    Family,
    counter,
    family,
    histogram,
    page,
    plugin_families,
    single,
)
from scheduler_monitoring.labels import JobLabels

ROLES = ("leader", "subleader", "worker")
_OURS = frozenset(one.name for one in figures.FIGURES)


class WorkerFigures:
    """Counts what the worker is told. Safe for threads."""

    def __init__(self, max_jobs: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._jobs, self._queues = JobLabels(max_jobs), JobLabels(max_jobs)
        self._finished = self._counter(figures.WORKER_FINISHED)
        self._retries = self._counter(figures.WORKER_RETRIES)
        self._leadership = self._counter(figures.LEADERSHIP_CHANGES)
        self._traces = self._counter(figures.TRACES)
        self._queue_wait = self._histogram(figures.QUEUE_WAIT)
        self._lateness = self._histogram(figures.LATENESS)
        self._duration = self._histogram(figures.DURATION)
        self._cpu = self._histogram(figures.CPU)
        self._max_rss = self._histogram(figures.MAX_RSS)
        self._read = self._histogram(figures.READ_BYTES)
        self._write = self._histogram(figures.WRITE_BYTES)
        self._lock = Lock()

    def measured(self, measures: Sequence[RunMeasure]) -> None:
        """Runs have ended."""
        with self._lock:
            for measure in measures:
                self._count(measure)

    def leadership_changed(self, change: LeadershipChange) -> None:
        """The worker's leadership began or ended."""
        self._leadership.labels("gained" if change.gained else "lost").inc()

    def traced(self, part: str, outcome: str, number: int) -> None:
        """The traces of so many runs, or later their spans ``archive``, were ``exported`` or
        ``dropped``."""
        self._traces.labels(part, outcome).inc(number)

    def _count(self, measure: RunMeasure) -> None:
        job = self._jobs.label(measure.job_name)
        self._finished.labels(job, measure.state.value).inc()
        self._retries.labels(job).inc(1 if measure.attempt > 1 else 0)
        if measure.started_at is not None:
            wait = max(0.0, (measure.started_at - measure.due_at).total_seconds())
            self._queue_wait.labels(self._queues.label(measure.queue)).observe(wait)
            if measure.attempt == 1:
                self._lateness.labels(job).observe(wait)
            took = (measure.finished_at - measure.started_at).total_seconds()
            self._duration.labels(job).observe(max(0.0, took))
        self._observe(self._cpu, job, _cpu_seconds(measure))
        self._observe(self._max_rss, job, measure.max_rss_bytes)
        self._observe(self._read, job, measure.read_bytes)
        self._observe(self._write, job, measure.write_bytes)

    def _observe(self, of: Histogram, job: str, value: float | None) -> None:
        if value is not None:
            of.labels(job).observe(value)

    def _counter(self, figure: figures.Figure) -> Counter:
        return counter(figure, self.registry)

    def _histogram(self, figure: figures.Figure) -> Histogram:
        return histogram(figure, self.registry)


class WorkerCollector:
    """What is asked of the worker at each scrape: its state, and the figures of other plugins."""

    def __init__(self, worker: WorkerView) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Family]:
        yield from snapshot_families(self._worker.snapshot())
        yield from plugin_families(self._worker.metrics(), _OURS)


class WorkerPageAnswer:
    """The page itself; answers 401 without the token."""

    def __init__(self, found: WorkerFigures, worker: WorkerView, token: Callable[[], str]) -> None:
        self._registry, self._token = found.registry, token
        self._worker = WorkerCollector(worker)

    def __call__(self, request: PageRequest) -> PageAnswer:
        if not may_read(self._token(), request.headers):
            return PageAnswer(401, b"The metrics token is wrong or missing.\n")
        return PageAnswer(200, page(self._registry, self._worker), CONTENT_TYPE)


def snapshot_families(now: WorkerSnapshot) -> Iterator[Family]:
    """The worker as it sees itself."""
    yield family(figures.WORKER_INFO, {(now.worker_id, now.node_id): 1})
    yield family(figures.WORKER_ROLE, {(role,): float(role == now.role) for role in ROLES})
    yield single(figures.WORKER_EPOCH, now.epoch or 0)
    yield single(figures.WORKER_JOINED, now.joined)
    yield single(figures.WORKER_DRAINING, now.draining)
    yield single(figures.WORKER_RUNNING, now.running)
    yield single(figures.WORKER_CAPACITY, now.capacity)
    if now.certificate_expires_at is not None:
        yield single(figures.CERTIFICATE_EXPIRY, now.certificate_expires_at.timestamp())


def _cpu_seconds(measure: RunMeasure) -> float | None:
    known = [measure.cpu_user_seconds, measure.cpu_system_seconds]
    parts = [part for part in known if part is not None]
    return sum(parts) if parts else None
