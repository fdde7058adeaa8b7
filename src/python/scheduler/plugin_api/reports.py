"""What plugins say of the world and of themselves: health checks and figures."""

from dataclasses import dataclass
from typing import Any, TypeIs

from scheduler.plugin_api.calls import PluginCalls, checked
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
        text = self._calls.failures.masked(f"The check itself failed: {error}")
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
    return answer


def _is_check(one: Any) -> TypeIs[HealthCheck]:
    return isinstance(one, HealthCheck)


def _is_metric(one: Any) -> TypeIs[Metric]:
    return isinstance(one, Metric)
