"""What the web process shows at /metrics: the cluster, read from the RDB at each scrape.

Every web process shows the same; rules take the ``max`` over them. So nothing is shown that one of
them counts by itself: the next scrape may reach another.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.values import RunState
from scheduler.queries.cluster import ClusterStatus, WorkerStatus
from scheduler.queries.open_runs import OpenRuns
from scheduler_monitoring import figures
from scheduler_monitoring.counting import FAILURES, TallyFigure
from scheduler_monitoring.exposition import Family, family, single
from scheduler_monitoring.figures import Figure
from scheduler_monitoring.labels import OTHER, JobLabels
from scheduler_monitoring.settings import MonitoringSettings
from scheduler_monitoring.tallies import Tallied

WORKER_STATES = ("online", "suspect", "draining", "detached")
ENDED_STATES = ("SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED", "ORPHANED", "SKIPPED")
OPEN_STATES = ("PENDING", "ASSIGNED", "RUNNING")
SKIPPED_LATE = "SKIP_LATE"


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """All that the page is made of, read at one scrape. ``jobs``: the enabled ones' names;
    ``certificates``: when they expire, by worker."""

    status: ClusterStatus
    open_runs: OpenRuns
    quarantined: int
    tallied: Tallied
    jobs: Sequence[str]
    certificates: Mapping[str, datetime]
    core: CoreSettings
    monitoring: MonitoringSettings


class ClusterCollector:
    """The figures of the cluster, from facts read when they are asked for."""

    def __init__(self, read: Callable[[], ClusterFacts]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        facts = self._read()
        yield from worker_families(facts.status, facts.core)
        yield certificate_family(facts.status, facts.certificates)
        yield from leader_families(facts.status)
        yield from run_families(facts.open_runs, facts.monitoring.metrics_max_jobs)
        yield single(figures.QUARANTINED, facts.quarantined)
        yield from tally_families(facts.tallied, facts.jobs, facts.monitoring.metrics_max_jobs)
        yield from switch_families(facts.monitoring)


def worker_families(status: ClusterStatus, core: CoreSettings) -> Iterator[Family]:
    """How many workers there are, wanted and loaded."""
    counted = Counter(map(worker_state, status.workers))
    threshold = core.worker_high_load_threshold
    loads = [(worker.node_id, load(worker)) for worker in status.workers]
    by_node: dict[tuple[str, ...], float] = {
        (node,): value for node, value in sorted(loads, key=lambda each: each[1])
    }
    yield family(figures.WORKERS, {(state,): counted[state] for state in WORKER_STATES})
    yield single(figures.MIN_ONLINE, core.min_online_workers)
    yield family(figures.NODE_LOAD, by_node)
    yield single(figures.HIGH_LOAD, sum(value >= threshold for _, value in loads))
    yield single(figures.HIGH_LOAD_THRESHOLD, threshold)


def certificate_family(status: ClusterStatus, certificates: Mapping[str, datetime]) -> Family:
    """The soonest end on each node, of workers that live."""
    soonest: dict[tuple[str, ...], float] = {}
    for worker in status.workers:
        if expires_at := certificates.get(worker.worker_id):
            node = (worker.node_id,)
            soonest[node] = min(soonest.get(node, expires_at.timestamp()), expires_at.timestamp())
    return family(figures.NODE_CERTIFICATE_EXPIRY, soonest)


def leader_families(status: ClusterStatus) -> Iterator[Family]:
    """Who leads, and how often that changed."""
    yield single(figures.LEADER_PRESENT, status.has_leader)
    yield single(figures.SUBLEADER_PRESENT, status.subleader_worker_id is not None)
    yield single(figures.EPOCH, status.epoch)
    yield single(figures.TAKEOVERS, status.epoch)
    yield single(figures.PAUSED, status.paused)


def run_families(runs: OpenRuns, max_queues: int) -> Iterator[Family]:
    """What is planned and has not ended."""
    queues = JobLabels(lambda: max_queues)
    by_queue: Counter[tuple[str, ...]] = Counter()
    for (state, queue), count in sorted(runs.by_queue.items(), key=lambda each: each[0][1]):
        by_queue[state.value, queues.label(queue)] += count
    # Zeros for what is not there now: a figure that goes away is no zero to Prometheus.
    zeros = {(state, queue): 0.0 for state in OPEN_STATES for queue in queues.known or ("default",)}
    yield family(figures.OPEN_RUNS, zeros | dict(by_queue))
    yield family(
        figures.WAITING_RUNS, {(reason or "NONE",): count for reason, count in runs.waiting.items()}
    )
    yield single(figures.OLDEST_LATE, runs.latest_seconds)


def tally_families(tallied: Tallied, jobs: Sequence[str], max_jobs: int) -> Iterator[Family]:
    """The durable counters, and when each enabled job last came to an end."""
    named = JobLabels(lambda: max_jobs, [key.job_name for key in tallied.values])
    shown = {named.label(job) for job in jobs} - {OTHER}
    # From zero, so that increase() sees the first run of a job, and its first slot that was late.
    begins = [*named.known, OTHER]
    yield from (
        family(
            figure,
            {(job, *rest): 0.0 for job in begins for rest in of} | _of(tallied, what, figure),
        )
        for figure, what, of in (
            (figures.FINISHED, TallyFigure.FINISHED, [(state,) for state in ENDED_STATES]),
            (figures.RETRIES, TallyFigure.RETRIES, [()]),
            (figures.SKIPPED, TallyFigure.SKIPPED, [(SKIPPED_LATE,)]),
            (figures.RUN_SECONDS, TallyFigure.SECONDS, [()]),
        )
    )
    yield _last(figures.LAST_SUCCESS, tallied, shown, frozenset({RunState.SUCCEEDED}))
    yield _last(figures.LAST_FAILURE, tallied, shown, FAILURES)
    if tallied.counted_until is not None:
        yield single(figures.COUNTED_UNTIL, tallied.counted_until.timestamp())


def switch_families(monitoring: MonitoringSettings) -> Iterator[Family]:
    """The switches that rules look at."""
    yield single(figures.HIGH_LOAD_ENABLED, monitoring.alert_high_load_enabled)
    yield single(figures.ROLE_CHANGE_ENABLED, monitoring.alert_role_change_enabled)


def worker_state(worker: WorkerStatus) -> str:
    """The one state that a live worker is counted under."""
    if worker.suspect:
        return "suspect"
    return "online" if worker.desired.value == "active" else worker.desired.value


def load(worker: WorkerStatus) -> float:
    """Open runs over capacity; a worker without capacity is full."""
    return worker.open_runs / worker.capacity if worker.capacity else 1.0


def _of(tallied: Tallied, what: TallyFigure, figure: Figure) -> dict[tuple[str, ...], float]:
    return {
        (key.job_name, key.label)[: len(figure.labels)]: added.value
        for key, added in tallied.values.items()
        if key.figure is what
    }


def _last(figure: Figure, tallied: Tallied, jobs: set[str], states: frozenset[RunState]) -> Family:
    """For each job the newest end in one of these states."""
    newest: dict[tuple[str, ...], float] = {}
    for key, added in tallied.values.items():
        if key.figure is TallyFigure.FINISHED and key.job_name in jobs and key.label in states:
            newest[key.job_name,] = max(newest.get((key.job_name,), 0.0), added.last_at)
    return family(figure, newest)
