"""What this process has seen and done, for the metrics. Safe for threads."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic

from scheduler.plugin_api.metrics import Metric, MetricKind, Sample
from scheduler_notify.messages import CHANNELS

PENDING = ("waiting", "open")
SEEN_FOR_SECONDS = 60.0
"""A process that was the leader and is so no more stops saying what is pending after this."""


class Figures:
    """Counts since this process started. What is pending is known only where the router runs, the
    leader; elsewhere it is left out, so that the sum over all processes is right."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._seen_at = clock, 0.0
        self._lock = Lock()
        self._sent: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._pending: dict[str, dict[str, int]] = {}

    def seen(self, counts: Mapping[tuple[str, str], int]) -> None:
        """What the router found in the tables."""
        states = (*PENDING, "dead")
        with self._lock:
            self._seen_at = self._clock()
            self._pending = {c: {s: counts.get((c, s), 0) for s in states} for c in CHANNELS}

    def sent(self, channel: str) -> None:
        with self._lock:
            self._sent[channel] += 1

    def failed(self, channel: str) -> None:
        with self._lock:
            self._failed[channel] += 1

    def metrics(self) -> list[Metric]:
        """The figures as the monitoring takes them. Asks no database."""
        with self._lock:
            sent, failed = Counter(self._sent), Counter(self._failed)
            is_old = self._clock() - self._seen_at > SEEN_FOR_SECONDS
            pending = {} if is_old else self._pending
        found = [
            _counter("scheduler_notify_sent_total", "Notices delivered by this process.", sent),
            _counter(
                "scheduler_notify_failed_total",
                "Attempts of this process to deliver a notice that failed.",
                failed,
            ),
        ]
        return [*found, *_gauges(pending)] if pending else found


def _counter(name: str, help: str, counts: Counter[str]) -> Metric:
    samples = [Sample(float(counts[channel]), {"channel": channel}) for channel in CHANNELS]
    return Metric(name, MetricKind.COUNTER, help, samples)


def _gauges(pending: Mapping[str, Mapping[str, int]]) -> list[Metric]:
    waiting = [
        Sample(float(sum(states[s] for s in PENDING)), {"channel": channel})
        for channel, states in pending.items()
    ]
    dead = [
        Sample(float(states["dead"]), {"channel": channel}) for channel, states in pending.items()
    ]
    return [
        Metric(
            "scheduler_notify_pending",
            MetricKind.GAUGE,
            "Messages that wait for a notice, and notices not delivered yet.",
            waiting,
        ),
        Metric("scheduler_notify_dead", MetricKind.GAUGE, "Notices that were given up.", dead),
    ]
