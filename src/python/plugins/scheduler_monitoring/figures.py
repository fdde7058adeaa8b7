"""Every figure of this plugin, declared once: names, kinds, labels, what they mean.

Names follow Prometheus' conventions: the unit last, ``_total`` on counters. A job's name stands in
the label ``job_name``, since ``job`` is Prometheus' own. docs/monitoring.md shows this table; a
test holds both equal.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Page(StrEnum):
    """Where a figure is shown: at each worker, or for the cluster by the web process."""

    WORKER = "worker"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``name`` as it is shown, a counter's with ``_total``."""

    name: str
    kind: Kind
    help: str
    page: Page
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _worker(name: str, kind: Kind, help: str, *labels: str) -> Figure:
    return Figure(name, kind, help, Page.WORKER, labels)


def _histogram(name: str, help: str, label: str, buckets: tuple[float, ...]) -> Figure:
    return Figure(name, Kind.HISTOGRAM, help, Page.WORKER, (label,), buckets)


def _cluster(name: str, kind: Kind, help: str, *labels: str) -> Figure:
    return Figure(name, kind, help, Page.CLUSTER, labels)


# Punctual starts are milliseconds late; what is minutes late is a matter for people.
_LATE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300)
_DURATION = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)
_CPU = (0.01, 0.1, 0.5, 1, 5, 30, 120, 600, 3600)
_MEMORY = tuple(float(2**power) for power in (24, 26, 27, 28, 29, 30, 31, 32, 34))
_IO = tuple(float(2**power) for power in (12, 16, 20, 23, 26, 29, 32, 35))

WORKER_INFO = _worker(
    "scheduler_worker_info", Kind.GAUGE, "Who this worker is; always 1.", "worker_id", "node_id"
)
WORKER_ROLE = _worker(
    "scheduler_worker_role", Kind.GAUGE, "1 for the role the worker has, 0 for the others.", "role"
)
WORKER_EPOCH = _worker(
    "scheduler_worker_epoch", Kind.GAUGE, "Epoch of the worker's own term; 0 where it leads none."
)
WORKER_JOINED = _worker(
    "scheduler_worker_joined", Kind.GAUGE, "1 while the worker is registered, else 0."
)
WORKER_DRAINING = _worker(
    "scheduler_worker_draining", Kind.GAUGE, "1 while the worker takes no new runs, else 0."
)
WORKER_RUNNING = _worker(
    "scheduler_worker_running_runs", Kind.GAUGE, "Runs that the worker executes now."
)
WORKER_CAPACITY = _worker(
    "scheduler_worker_capacity_runs", Kind.GAUGE, "Runs that the worker may execute at once."
)
CERTIFICATE_EXPIRY = _worker(
    "scheduler_certificate_expiry_timestamp_seconds",
    Kind.GAUGE,
    "When the worker's certificate expires, as Unix time; absent without TLS.",
)
LEADERSHIP_CHANGES = _worker(
    "scheduler_leadership_changes_total",
    Kind.COUNTER,
    "How often this worker became the leader (gained) or ceased to be it (lost).",
    "change",
)
WORKER_FINISHED = _worker(
    "scheduler_worker_runs_finished_total",
    Kind.COUNTER,
    "Runs that ended on this worker since it was started.",
    "job_name",
    "state",
)
WORKER_RETRIES = _worker(
    "scheduler_worker_retries_total",
    Kind.COUNTER,
    "Of the runs that ended on this worker: those of a second or later attempt.",
    "job_name",
)
QUEUE_WAIT = _histogram(
    "scheduler_run_queue_wait_seconds",
    "From the instant a run was due until it was claimed; retries too.",
    "queue",
    _LATE,
)
LATENESS = _histogram(
    "scheduler_run_lateness_seconds",
    "From the instant a slot was due until its first attempt was claimed.",
    "job_name",
    _LATE,
)
DURATION = _histogram(
    "scheduler_run_duration_seconds",
    "From the claim of a run until its end.",
    "job_name",
    _DURATION,
)
CPU = _histogram(
    "scheduler_run_cpu_seconds", "CPU time of a run, user and system.", "job_name", _CPU
)
MAX_RSS = _histogram(
    "scheduler_run_max_rss_bytes", "Peak resident memory of a run.", "job_name", _MEMORY
)
READ_BYTES = _histogram(
    "scheduler_run_read_bytes", "Bytes that a run read from storage.", "job_name", _IO
)
WRITE_BYTES = _histogram(
    "scheduler_run_write_bytes", "Bytes that a run wrote to storage.", "job_name", _IO
)
TRACES = _worker(
    "scheduler_traces_total",
    Kind.COUNTER,
    "Traces of runs (part run) and their later spans (part archive) that this worker exported, or "
    "dropped after ten minutes of failure.",
    "part",
    "outcome",
)

WORKERS = _cluster(
    "scheduler_workers",
    Kind.GAUGE,
    "Live workers, each in one state: online, suspect, draining or detached.",
    "state",
)
MIN_ONLINE = _cluster(
    "scheduler_min_online_workers", Kind.GAUGE, "SCHEDULER_MIN_ONLINE_WORKERS, as it is in force."
)
NODE_LOAD = _cluster(
    "scheduler_node_load_ratio",
    Kind.GAUGE,
    "Open runs over capacity, of the most loaded live worker of the node.",
    "node_id",
)
NODE_CERTIFICATE_EXPIRY = _cluster(
    "scheduler_node_certificate_expiry_timestamp_seconds",
    Kind.GAUGE,
    "When the first certificate of the node's live workers expires, as Unix time; absent without "
    "TLS.",
    "node_id",
)
HIGH_LOAD = _cluster(
    "scheduler_workers_high_load",
    Kind.GAUGE,
    "Live workers whose load has reached the threshold.",
)
HIGH_LOAD_THRESHOLD = _cluster(
    "scheduler_worker_high_load_threshold_ratio",
    Kind.GAUGE,
    "SCHEDULER_WORKER_HIGH_LOAD_THRESHOLD, as it is in force.",
)
LEADER_PRESENT = _cluster(
    "scheduler_leader_present", Kind.GAUGE, "1 while a leader is seen in time, else 0."
)
SUBLEADER_PRESENT = _cluster(
    "scheduler_subleader_present", Kind.GAUGE, "1 while a successor is designated, else 0."
)
EPOCH = _cluster("scheduler_epoch", Kind.GAUGE, "Epoch of the newest term; it never falls.")
TAKEOVERS = _cluster(
    "scheduler_takeovers_total", Kind.COUNTER, "Terms there ever were: the epoch as a counter."
)
PAUSED = _cluster("scheduler_paused", Kind.GAUGE, "1 while the cluster is paused, else 0.")
OPEN_RUNS = _cluster(
    "scheduler_open_runs", Kind.GAUGE, "Runs that are planned and not ended.", "state", "queue"
)
WAITING_RUNS = _cluster(
    "scheduler_waiting_runs",
    Kind.GAUGE,
    "Runs that are due and have not started, by what they wait for.",
    "reason",
)
OLDEST_LATE = _cluster(
    "scheduler_oldest_late_run_seconds",
    Kind.GAUGE,
    "How long the latest run has been due; runs held on purpose do not count; 0: none is late.",
)
QUARANTINED = _cluster("scheduler_jobs_quarantined", Kind.GAUGE, "Jobs in quarantine.")
FINISHED = _cluster(
    "scheduler_runs_finished_total",
    Kind.COUNTER,
    "Runs of the cluster that ended, counted since the plugin was first enabled.",
    "job_name",
    "state",
)
RETRIES = _cluster(
    "scheduler_run_retries_total",
    Kind.COUNTER,
    "Of the runs that ended: those of a second or later attempt.",
    "job_name",
)
SKIPPED = _cluster(
    "scheduler_slots_skipped_total",
    Kind.COUNTER,
    "Due slots that were skipped, by why; one row may stand for many.",
    "job_name",
    "reason",
)
RUN_SECONDS = _cluster(
    "scheduler_run_seconds_total", Kind.COUNTER, "Time that ended runs took.", "job_name"
)
LAST_SUCCESS = _cluster(
    "scheduler_job_last_success_timestamp_seconds",
    Kind.GAUGE,
    "When the enabled job last succeeded, as Unix time; absent: never since it is counted.",
    "job_name",
)
LAST_FAILURE = _cluster(
    "scheduler_job_last_failure_timestamp_seconds",
    Kind.GAUGE,
    "When a run of the enabled job last failed, timed out or was lost, as Unix time.",
    "job_name",
)
COUNTED_UNTIL = _cluster(
    "scheduler_counted_until_timestamp_seconds",
    Kind.GAUGE,
    "The cluster's counters hold all runs planned until this instant, as Unix time.",
)
HIGH_LOAD_ENABLED = _cluster(
    "scheduler_alert_high_load_enabled", Kind.GAUGE, "1: SchedulerHighLoad may fire."
)
ROLE_CHANGE_ENABLED = _cluster(
    "scheduler_alert_role_change_enabled", Kind.GAUGE, "1: SchedulerRoleChanged may fire."
)

FIGURES: tuple[Figure, ...] = tuple(one for one in list(globals().values()) if type(one) is Figure)
"""All of them, in the order of declaration."""

FROM_THE_CORE = Figure(
    "scheduler_plugin_failures_total",
    Kind.COUNTER,
    "Failures of plugins in this process, by plugin and hook.",
    Page.WORKER,
    ("plugin", "hook"),
)
"""What the plugins' host counts by itself; shown beside ours."""
