"""How the archive is doing in this process: for metrics, health and the command."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

from scheduler.plugin_api.metrics import Metric, MetricKind, Sample

_PREFIX = "scheduler_log_archive_"


@dataclass(frozen=True, slots=True)
class Figures:
    """``waiting`` logs of ended runs are not archived yet; the one that waits longest has waited
    since ``waiting_since`` (Unix seconds, None where none waits). ``trouble`` is the sentence of
    what keeps the archive from working now, or empty. The rest counts since the process began."""

    waiting: int = 0
    waiting_since: float | None = None
    trouble: str = ""
    failures: int = 0
    archived: int = 0
    salvaged: int = 0
    uploaded_bytes: int = 0

    def waited_seconds(self, now: float) -> float:
        return 0.0 if self.waiting_since is None else max(0.0, now - self.waiting_since)


class FigureBoard:
    """The figures as they stand. Safe for threads."""

    def __init__(self) -> None:
        self._lock, self._figures = Lock(), Figures()

    def read(self) -> Figures:
        return self._figures

    def set_waiting(self, count: int, since: float | None) -> None:
        with self._lock:
            self._figures = replace(self._figures, waiting=count, waiting_since=since)

    def set_trouble(self, sentence: str) -> bool:
        """True when that is news."""
        with self._lock:
            news = sentence != self._figures.trouble
            self._figures = replace(self._figures, trouble=sentence)
        return news

    def count(
        self, *, failures: int = 0, archived: int = 0, salvaged: int = 0, uploaded_bytes: int = 0
    ) -> None:
        with self._lock:
            old = self._figures
            self._figures = replace(
                old,
                failures=old.failures + failures,
                archived=old.archived + archived,
                salvaged=old.salvaged + salvaged,
                uploaded_bytes=old.uploaded_bytes + uploaded_bytes,
            )


def metrics(figures: Figures, now: float) -> Sequence[Metric]:
    """The figures as they are shown; ``now`` is Unix time."""
    return (
        _metric("pending", "Logs of ended runs not archived yet.", figures.waiting),
        _metric(
            "oldest_seconds",
            "How long the log that waits longest for the archive has waited.",
            figures.waited_seconds(now),
        ),
        _counter("failures", "Uploads that failed and are tried again.", figures.failures),
        _counter("archived", "Logs archived by this process.", figures.archived),
        _counter("salvaged", "Logs of lost workers made of their chunks.", figures.salvaged),
        _counter("uploaded_bytes", "Bytes sent to the object store.", figures.uploaded_bytes),
    )


def _metric(name: str, text: str, value: float) -> Metric:
    return Metric(_PREFIX + name, MetricKind.GAUGE, text, (Sample(value),))


def _counter(name: str, text: str, value: float) -> Metric:
    return Metric(f"{_PREFIX}{name}_total", MetricKind.COUNTER, text, (Sample(value),))
