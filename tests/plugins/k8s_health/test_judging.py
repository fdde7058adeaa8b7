"""From facts to health, without any I/O."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.plugin_api.values import HealthStatus
from scheduler_k8s_health import errors
from scheduler_k8s_health.facts import (
    ApiServer,
    Budget,
    Container,
    Listed,
    Node,
    Pod,
    Requirement,
)
from scheduler_k8s_health.judging import (
    judge_api,
    judge_budgets,
    judge_nodes,
    judge_pods,
    judge_problem,
)

NOW = datetime(2026, 1, 2, 3, tzinfo=UTC)
RECENT = timedelta(hours=1)
OURS = {"app.kubernetes.io/part-of": "scheduler"}
SELECTOR = "app.kubernetes.io/part-of=scheduler"


def worker(name="worker-1", **facts):
    usual = Pod(name, phase="Running", ready=True, labels=OURS, component="worker")
    return replace(usual, **facts)


def container(**facts):
    return replace(Container("worker", "scheduler:1"), **facts)


def pods_health(*pods, whole=True):
    return judge_pods(Listed(pods, whole), NOW, RECENT, SELECTOR, "scheduler")


def budgets_health(*budgets, pods=None):
    ours = (worker(),) if pods is None else pods
    return judge_budgets(Listed(budgets), Listed(ours), SELECTOR, "scheduler")


def budget(**facts):
    usual = Budget("workers", healthy=3, desired=2, expected=3, allowed=1, labels=OURS)
    return replace(usual, **facts)


# ------------------------------------------------------------------------------- problems


@pytest.mark.parametrize(
    "problem",
    [
        errors.ServerFailed("/version", 500),
        errors.DidNotAnswerInTime("/version", 2),
        errors.Unreachable("10.43.0.1:443", "connection refused"),
        errors.CertificateRefused("10.43.0.1:443", "certificate has expired"),
    ],
)
def test_trouble_of_the_server_is_failing_for_the_server_and_unknown_for_the_rest(problem):
    assert judge_problem(problem, of_the_server=True).status is HealthStatus.FAILING
    assert judge_problem(problem).status is HealthStatus.UNKNOWN


@pytest.mark.parametrize(
    "problem",
    [
        errors.OutsideCluster("no token"),
        errors.TokenRefused("/version"),
        errors.AccessDenied("get", "/version", None),
        errors.NotServed("/version"),
        errors.MalformedAnswer("/version", "it is no JSON"),
    ],
)
def test_trouble_of_asking_says_nothing_of_the_server(problem):
    report = judge_problem(problem, of_the_server=True)
    assert report.status is HealthStatus.UNKNOWN
    assert (report.summary, report.detail["code"]) == (str(problem), problem.code)


# ----------------------------------------------------------------------------- API server


def test_a_server_that_is_not_ready_is_failing_and_names_its_parts():
    report = judge_api(ApiServer("v1.33.4+k3s1", False, ("etcd", "informer-sync")))
    assert report.status is HealthStatus.FAILING
    assert "v1.33.4+k3s1 is not ready (etcd, informer-sync)" in report.summary
    assert report.detail["failed_parts"] == "etcd, informer-sync"


def test_a_server_that_names_no_part_is_failing_all_the_same():
    assert "it names no part" in judge_api(ApiServer("v1.33.4+k3s1", False)).summary


def test_a_ready_server_is_well_and_tells_its_version():
    report = judge_api(ApiServer("v1.33.4+k3s1", True))
    assert (report.status, report.detail) == (HealthStatus.OK, {"version": "v1.33.4+k3s1"})


# ---------------------------------------------------------------------------------- nodes


def test_no_node_that_is_ready_is_failing():
    report = judge_nodes(Listed((Node("a", False, why_not_ready="KubeletNotReady"),)))
    assert report.status is HealthStatus.FAILING
    assert report.summary == "0 of 1 nodes are Ready; a is not Ready (KubeletNotReady)."


def test_no_node_at_all_is_failing():
    report = judge_nodes(Listed(()))
    assert (report.status, report.summary) == (HealthStatus.FAILING, "The cluster has no node.")


@pytest.mark.parametrize(
    ("ill", "told"),
    [
        (Node("b", False, why_not_ready="NodeStatusUnknown"), "b is not Ready (NodeStatusUnknown)"),
        (Node("b", True, pressures=("DiskPressure",)), "b has DiskPressure"),
        (Node("b", True, cordoned=True), "b is cordoned"),
        (
            Node("b", True, cordoned=True, pressures=("MemoryPressure",)),
            "b has MemoryPressure and is cordoned",
        ),
    ],
)
def test_a_node_that_is_ill_or_takes_no_pods_is_a_warning(ill, told):
    report = judge_nodes(Listed((Node("a", True), ill)))
    assert report.status is HealthStatus.WARNING
    assert told in report.summary
    assert "b" in report.detail


def test_all_nodes_ready_is_well():
    report = judge_nodes(Listed((Node("a", True), Node("b", True))))
    assert (report.status, report.summary) == (
        HealthStatus.OK,
        "All of 2 nodes are Ready and take pods.",
    )


def test_a_cut_list_is_counted_as_more():
    assert "more than 1 nodes" in judge_nodes(Listed((Node("a", True),), whole=False)).summary


def test_many_ill_nodes_make_no_endless_sentence():
    report = judge_nodes(Listed(tuple(Node(f"n{n}", False) for n in range(40))))
    assert report.summary.endswith("and 35 more.")
    assert len(report.detail) == 42


# ----------------------------------------------------------------------------------- pods


def test_no_pod_of_ours_is_a_warning_that_names_the_settings():
    report = pods_health()
    assert report.status is HealthStatus.WARNING
    assert "SCHEDULER_K8S_POD_SELECTOR" in report.summary


@pytest.mark.parametrize("why", ["CrashLoopBackOff", "ImagePullBackOff", "CreateContainerError"])
def test_a_container_that_waits_in_vain_is_failing(why):
    report = pods_health(worker(ready=False, containers=(container(waiting=why),)))
    assert report.status is HealthStatus.FAILING
    assert f"worker-1 waits with {why}" in report.summary


def test_a_crash_loop_out_of_memory_says_both():
    ended = container(waiting="CrashLoopBackOff", ended_for="OOMKilled", ended_at=NOW, restarts=4)
    report = pods_health(worker(ready=False, containers=(ended,)))
    assert "waits with CrashLoopBackOff after OOMKilled" in report.summary


@pytest.mark.parametrize("why", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_made_is_only_not_ready(why):
    report = pods_health(worker(ready=False, containers=(container(waiting=why),)))
    assert report.status is HealthStatus.WARNING
    assert "worker-1 is not ready" in report.summary


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"phase": "Pending", "trouble": "Unschedulable"}, "does not run (Unschedulable)"),
        ({"phase": "Pending", "trouble": "SchedulingGated"}, "does not run (SchedulingGated)"),
    ],
)
def test_a_pod_that_does_not_run_is_failing(facts, told):
    report = pods_health(worker(), worker("worker-2", ready=False, **facts))
    assert report.status is HealthStatus.FAILING
    assert f"1 of 2 pods are ready; worker-2 {told}" in report.summary


def test_a_failed_pod_that_is_kept_is_a_warning():
    report = pods_health(worker(), worker("old", ready=False, phase="Failed", trouble="Evicted"))
    assert report.status is HealthStatus.WARNING
    assert "old has failed (Evicted); delete it when seen" in report.summary


def test_a_recent_end_for_lack_of_memory_is_a_warning():
    ended = container(ended_for="OOMKilled", ended_at=NOW - RECENT, restarts=1)
    report = pods_health(worker(containers=(ended,)))
    assert report.status is HealthStatus.WARNING
    assert "was out of memory (OOMKilled, 1 restart in all)" in report.summary


def test_a_recent_restart_is_a_warning():
    ended = container(ended_for="Error", ended_at=NOW - timedelta(minutes=5), restarts=3)
    report = pods_health(worker(containers=(ended,)))
    assert "was restarted of late (Error, 3 restarts in all)" in report.summary


def test_a_restart_long_ago_is_no_warning_but_counted():
    ended = container(ended_for="OOMKilled", ended_at=NOW - timedelta(days=3), restarts=7)
    report = pods_health(worker(containers=(ended,)))
    assert report.status is HealthStatus.OK
    assert report.detail["restarts"] == "7"


def test_an_init_container_that_has_done_its_work_is_no_restart():
    done = container(name="migrate", ended_for="Completed", ended_at=NOW)
    assert pods_health(worker(containers=(done,))).status is HealthStatus.OK


def test_a_pod_that_is_not_ready_is_a_warning_unless_it_is_leaving():
    assert pods_health(worker(ready=False)).status is HealthStatus.WARNING
    leaving = pods_health(worker(), worker("worker-2", ready=False, leaving=True))
    assert leaving.status is HealthStatus.OK


def test_two_images_of_one_component_are_a_rollout_and_no_ill():
    old, new = container(image="scheduler:1"), container(image="scheduler:2")
    report = pods_health(
        worker(containers=(old,)),
        worker("worker-2", containers=(old,)),
        worker("worker-3", containers=(new,)),
    )
    assert report.status is HealthStatus.OK
    assert (
        "roll-out is under way: worker runs scheduler:1 (2) and scheduler:2 (1)" in report.summary
    )


def test_components_with_images_of_their_own_are_no_rollout():
    web = worker("web-1", component="web", containers=(container(image="web:1"),))
    report = pods_health(worker(containers=(container(),)), web)
    assert "roll-out" not in report.summary
    assert report.detail["images"] == "scheduler:1, web:1"


def test_finished_job_pods_do_not_count():
    report = pods_health(worker(), worker("migrate", phase="Succeeded", ready=False))
    assert (report.status, report.summary) == (HealthStatus.OK, "1 of 1 pods are ready.")


def test_the_gravest_troubles_come_first():
    tired = worker("a-tired", ready=False)
    broken = worker("z-broken", ready=False, containers=(container(waiting="ErrImagePull"),))
    summary = pods_health(tired, broken).summary
    assert summary.index("z-broken") < summary.index("a-tired")


# --------------------------------------------------------------------- disruption budgets


def test_fewer_healthy_pods_than_wanted_is_failing():
    report = budgets_health(budget(healthy=1, allowed=0))
    assert report.status is HealthStatus.FAILING
    assert report.summary == "workers wants 2 healthy pods and has 1."


def test_a_budget_that_can_never_allow_an_eviction_says_how_to_mend_it():
    report = budgets_health(budget(healthy=2, desired=2, expected=2, allowed=0))
    assert report.status is HealthStatus.WARNING
    assert "can never allow an eviction (2 pods, all are wanted): add a pod, or" in report.summary


def test_a_budget_without_head_room_now_is_a_warning():
    report = budgets_health(budget(healthy=2, desired=2, expected=3, allowed=0))
    assert report.status is HealthStatus.WARNING
    assert "a node drain will wait" in report.summary


def test_pods_that_no_budget_covers_are_a_warning():
    report = budgets_health(budget(labels={"app": "other"}))
    assert report.status is HealthStatus.WARNING
    assert "No PodDisruptionBudget in namespace scheduler covers our pods" in report.summary


def test_a_pod_that_two_budgets_cover_is_told():
    report = budgets_health(budget(), budget(name="all"))
    assert report.status is HealthStatus.WARNING
    assert "worker-1 is covered by workers and all and so cannot be evicted" in report.summary


def test_head_room_is_well_and_told():
    report = budgets_health(budget())
    assert (report.status, report.summary) == (
        HealthStatus.OK,
        "Pods that may be evicted now: workers allows 1.",
    )
    assert report.detail["workers"] == "allows 1; 3 healthy of 3, 2 wanted"


def test_without_pods_the_selector_is_the_matter():
    assert "SCHEDULER_K8S_POD_SELECTOR" in budgets_health(budget(), pods=()).summary


@pytest.mark.parametrize(
    ("requirement", "covers"),
    [
        (Requirement("tier", "In", ("back", "front")), True),
        (Requirement("tier", "In", ("front",)), False),
        (Requirement("tier", "NotIn", ("front",)), True),
        (Requirement("tier", "NotIn", ("back",)), False),
        (Requirement("gone", "NotIn", ("back",)), True),
        (Requirement("tier", "Exists"), True),
        (Requirement("gone", "Exists"), False),
        (Requirement("gone", "DoesNotExist"), True),
        (Requirement("tier", "DoesNotExist"), False),
        (Requirement("tier", "Resembles", ("back",)), False),
    ],
)
def test_a_budget_covers_pods_as_kubernetes_says(requirement, covers):
    pod = worker(labels={"tier": "back"})
    assert budget(labels={}, requirements=(requirement,)).covers(pod) is covers


def test_an_empty_selector_covers_every_pod_and_none_covers_no_pod():
    assert budget(labels={}).covers(worker())
    assert not budget(labels={}, selects_none=True).covers(worker())
