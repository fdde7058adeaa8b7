"""The plugin in its host: which checks there are, what they say, and how often they ask."""

from threading import Thread

import pytest

from scheduler.plugin_api.errors import SchedulerError
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.values import HealthStatus
from scheduler_k8s_health import client
from scheduler_k8s_health.checks import KubernetesChecks
from scheduler_k8s_health.plugin import KubernetesHealthPlugin
from scheduler_k8s_health.remembering import Remembered
from scheduler_k8s_health.settings import KubernetesSettings
from tests.plugins.k8s_health import bodies
from tests.plugins.k8s_health.kube_server import NODES, PODS, TOKEN, pod_environment

SETTINGS = KubernetesSettings(timeout_seconds=0.5)
NAMES = [
    "kubernetes_api",
    "kubernetes_nodes",
    "kubernetes_pods",
    "kubernetes_disruption_budgets",
]


def host(**environ):
    found = PluginHost.load(["k8s_health"], {"k8s_health": lambda: KubernetesHealthPlugin})
    found.configure(rows={}, environ=environ)
    return found


@pytest.fixture
def ask(api):
    """Asks the checks: name -> report."""
    checks = KubernetesChecks(api, lambda: SETTINGS)
    return lambda: {check.name: check.ask() for check in checks.all()}


def statuses(reports):
    return [reports[name].status.value for name in NAMES]


def test_outside_kubernetes_there_are_no_checks():
    assert host(SCHEDULER_DEPLOYMENT="local").health() == ()


def test_in_kubernetes_without_a_service_account_each_check_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(client, "SERVICE_ACCOUNT", tmp_path)
    found = host(SCHEDULER_DEPLOYMENT="k8s")
    results = found.health()
    assert [result.check for result in results] == NAMES
    assert {result.report.status for result in results} == {HealthStatus.UNKNOWN}
    assert all("SCHEDULER_DEPLOYMENT=local" in result.report.summary for result in results)
    assert found.failures == ()


def test_a_healthy_cluster_is_well_in_every_check(ask):
    reports = ask()
    assert statuses(reports) == ["ok"] * 4
    assert reports["kubernetes_pods"].summary == "3 of 3 pods are ready."
    assert reports["kubernetes_api"].detail == {"version": "v1.33.4+k3s1"}


def test_the_plugin_asks_the_cluster_that_its_pod_names(monkeypatch, kube, service_account):
    for name, value in pod_environment(kube.port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "SERVICE_ACCOUNT", service_account)
    found = host(SCHEDULER_DEPLOYMENT="k8s", SCHEDULER_K8S_POD_SELECTOR="app=none")
    by_name = {result.check: result.report for result in found.health()}
    assert statuses(by_name) == ["ok", "ok", "warning", "warning"]
    assert "has the labels app=none" in by_name["kubernetes_pods"].summary


def test_a_hanging_api_server_fails_one_check_and_leaves_the_rest_unknown(ask, kube):
    kube.hung = {"/version", NODES, PODS}
    reports = ask()
    assert statuses(reports) == ["failing", "unknown", "unknown", "unknown"]


def test_what_rbac_denies_is_unknown_and_the_rest_is_known(ask, kube):
    kube.allows = lambda asked: asked.resource != "nodes"
    reports = ask()
    assert statuses(reports) == ["ok", "unknown", "ok", "ok"]
    assert (
        "list nodes (403); apply deploy/k3s/k8s-health/rbac" in reports["kubernetes_nodes"].summary
    )


def test_no_report_holds_the_token(ask, kube):
    kube.tokens = set()
    reports = ask()
    assert statuses(reports) == ["unknown"] * 4
    assert TOKEN not in repr(reports)


def test_pages_that_ask_again_within_seconds_do_not_ask_the_api_server(ask, kube):
    ask()
    first = len(kube.asked)
    assert first == 5
    ask()
    ask()
    assert len(kube.asked) == first


def test_a_failure_too_is_kept_for_seconds(ask, kube):
    kube.fails(NODES, 500)
    ask()
    ask()
    assert sum(one.path == NODES for one in kube.asked) == 1


def test_the_namespace_of_the_settings_goes_over_the_service_accounts(api, kube):
    other = KubernetesSettings(namespace="elsewhere")
    checks = {check.name: check for check in KubernetesChecks(api, lambda: other).all()}
    checks["kubernetes_pods"].ask()
    assert kube.asked[-1].namespace == "elsewhere"


def test_a_rollout_and_a_crash_are_seen_through_the_whole_path(ask, kube):
    kube.lists[PODS] = [
        bodies.pod("worker-1"),
        bodies.pod("worker-2", image=bodies.NEW_IMAGE, ready=False, waiting="CrashLoopBackOff"),
    ]
    report = ask()["kubernetes_pods"]
    assert report.status is HealthStatus.FAILING
    assert "worker-2 waits with CrashLoopBackOff" in report.summary
    assert "roll-out is under way" in report.summary


# ---------------------------------------------------------------------------- the memory


def test_an_answer_is_asked_anew_when_its_time_is_over():
    times, answers = iter([0.0, 9.9, 10.0, 10.0]), iter("ab")
    kept = Remembered(lambda: next(answers), lambda: 10.0, lambda: next(times))
    assert [kept.get(), kept.get(), kept.get()] == ["a", "a", "b"]


def test_callers_that_come_together_ask_once():
    asked = []
    kept = Remembered(lambda: asked.append(1), lambda: 60.0)
    threads = [Thread(target=kept.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [1]


def test_an_error_is_kept_too_but_a_defect_is_not():
    errors = iter([SchedulerError("away"), ZeroDivisionError()])

    def ask():
        raise next(errors)

    kept = Remembered(ask, lambda: 10.0, lambda: 0.0)
    for _ in range(2):
        with pytest.raises(SchedulerError, match="away"):
            kept.get()


# -------------------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SCHEDULER_K8S_NAMESPACE", "Not A Name"),
        ("SCHEDULER_K8S_NAMESPACE", "../kube-system"),
        ("SCHEDULER_K8S_POD_SELECTOR", " "),
        ("SCHEDULER_K8S_TIMEOUT_SECONDS", "5"),
        ("SCHEDULER_K8S_CACHE_SECONDS", "0"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(key, value):
    with pytest.raises(SchedulerError, match=key):
        host(**{key: value})
