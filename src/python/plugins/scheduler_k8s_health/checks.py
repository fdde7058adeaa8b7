"""The plugin's health checks: reading and judging put together, each reading kept for seconds."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from scheduler.plugin_api.values import HealthCheck, HealthReport
from scheduler_k8s_health import judging
from scheduler_k8s_health.client import KubernetesApi
from scheduler_k8s_health.errors import KubernetesProblem
from scheduler_k8s_health.facts import Budget, Listed, Pod
from scheduler_k8s_health.remembering import Remembered
from scheduler_k8s_health.settings import KubernetesSettings


class KubernetesChecks:
    """Asks ``api`` with the settings in force at the time."""

    def __init__(self, api: KubernetesApi, settings: Callable[[], KubernetesSettings]) -> None:
        self._api, self._settings = api, settings
        self._server = Remembered(lambda: api.server(self._limit()), self._kept)
        self._nodes = Remembered(lambda: api.nodes(self._limit()), self._kept)
        self._pods = Remembered(self._read_pods, self._kept)
        self._budgets = Remembered(self._read_budgets, self._kept)

    def all(self) -> Sequence[HealthCheck]:
        return (
            HealthCheck("kubernetes_api", self._api_health),
            HealthCheck("kubernetes_nodes", self._node_health),
            HealthCheck("kubernetes_pods", self._pod_health),
            HealthCheck("kubernetes_disruption_budgets", self._budget_health),
        )

    def _api_health(self) -> HealthReport:
        try:
            return judging.judge_api(self._server.get())
        except KubernetesProblem as problem:
            return judging.judge_problem(problem, of_the_server=True)

    def _node_health(self) -> HealthReport:
        return _judged(lambda: judging.judge_nodes(self._nodes.get()))

    def _pod_health(self) -> HealthReport:
        recent = timedelta(seconds=self._settings().recent_seconds)
        return _judged(
            lambda: judging.judge_pods(
                self._pods.get(), datetime.now(UTC), recent, self._selector(), self._namespace()
            )
        )

    def _budget_health(self) -> HealthReport:
        return _judged(
            lambda: judging.judge_budgets(
                self._budgets.get(), self._pods.get(), self._selector(), self._namespace()
            )
        )

    def _read_pods(self) -> Listed[Pod]:
        return self._api.pods(self._namespace(), self._selector(), self._limit())

    def _read_budgets(self) -> Listed[Budget]:
        return self._api.budgets(self._namespace(), self._limit())

    def _namespace(self) -> str:
        return self._settings().namespace or self._api.own_namespace()

    def _selector(self) -> str:
        return self._settings().pod_selector

    def _limit(self) -> float:
        return self._settings().timeout_seconds

    def _kept(self) -> float:
        return self._settings().cache_seconds


def _judged(judge: Callable[[], HealthReport]) -> HealthReport:
    try:
        return judge()
    except KubernetesProblem as problem:
        return judging.judge_problem(problem)
