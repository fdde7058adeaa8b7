"""What plugins say of the world and of themselves: health checks and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeIs

from scheduler.domain.errors import SchedulerError
from scheduler.plugin_api.calls import PluginCalls, checked
from scheduler.plugin_api.failures import told
from scheduler.plugin_api.metrics import Metric, MetricKind, Sample
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus

HEALTH_SECONDS = 5.0
METRICS_SECONDS = 2.0
METRICS = "scheduler_metrics"

FAILURES = "scheduler_plugin_failures_total"


@dataclass(frozen=True, slots=True)
class HealthResult:
    """A check's answer, with whose check it is."""

    plugin: str
    check: str
    report: HealthReport


class Reports:
    """Asks all plugins side by side: the slowest decides how long it takes, and its limit."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls
        self._checks: list[tuple[str, HealthCheck]] | None = None

    def health(self) -> tuple[HealthResult, ...]:
        if self._checks is None:
            self._checks = self._calls.offered("scheduler_health_checks", _is_check)
        asked = [
            (plugin, f"health check {check.name}", lambda ask=check.ask: _report(ask()))
            for plugin, check in self._checks
        ]
        answers = self._calls.side_by_side(asked, HEALTH_SECONDS)
        return tuple(
            HealthResult(plugin, check.name, report or self._failed(error))
            for (plugin, check), (report, error) in zip(self._checks, answers, strict=True)
        )

    def metrics(self) -> tuple[Metric, ...]:
        asked = []
        for plugin in self._calls.having(METRICS):
            hook = self._calls.hook(plugin, METRICS)
            assert hook is not None
            asked.append((plugin, METRICS, lambda hook=hook: checked(hook(), _is_metric)))
        answers = self._calls.side_by_side(asked, METRICS_SECONDS)
        brought = [metric for metrics, _ in answers for metric in metrics or ()]
        return (*brought, self._failures())

    def _failed(self, error: BaseException | None) -> HealthReport:
        assert error is not None
        why = str(error) if isinstance(error, SchedulerError) else told(error)
        text = self._calls.failures.masked(f"The check itself failed: {why}")
        return HealthReport(HealthStatus.FAILING, text)

    def _failures(self) -> Metric:
        samples = [
            Sample(one.count, {"plugin": one.plugin, "hook": one.hook})
            for one in self._calls.failures.all()
        ]
        text = "Failures of plugins in this process, by plugin and hook."
        return Metric(FAILURES, MetricKind.COUNTER, text, tuple(samples))


def _report(answer: Any) -> HealthReport:
    if not isinstance(answer, HealthReport):
        raise TypeError(f"the check answered {answer!r}, no HealthReport")
    status, summary, detail = _parts(answer)
    if not isinstance(status, HealthStatus):
        raise TypeError(f"the check answered the status {status!r}, no HealthStatus")
    if not (isinstance(summary, str) and isinstance(detail, Mapping)):
        raise TypeError("the check's summary is no text, or its detail no mapping")
    # Tried here: one that cannot be written would end the page or command that shows all.
    f"{summary} {dict(detail)}".encode()
    return answer


def _parts(report: Any) -> tuple[Any, Any, Any]:
    """What its declaration promises, and a plugin need not have kept."""
    return report.status, report.summary, report.detail


def _is_check(one: Any) -> TypeIs[HealthCheck]:
    return isinstance(one, HealthCheck) and _has_name(one) and callable(one.ask)


def _is_metric(one: Any) -> TypeIs[Metric]:
    return isinstance(one, Metric) and _can_be_written(one)


def _has_name(one: Any) -> bool:
    return isinstance(one.name, str)


def _can_be_written(one: Any) -> bool:
    """Whoever shows figures shows those of all plugins: one that cannot be written would spoil the
    whole page."""
    texts = _has_name(one) and isinstance(one.help, str)
    return texts and isinstance(one.kind, MetricKind) and all(map(_is_sample, one.samples))


def _is_sample(one: Any) -> bool:
    if not isinstance(one, Sample):
        return False
    value, labels = _value_and_labels(one)
    texts = [text for pair in labels.items() for text in pair]
    return isinstance(value, int | float) and all(isinstance(text, str) for text in texts)


def _value_and_labels(sample: Any) -> tuple[Any, Any]:
    return sample.value, sample.labels
