"""From Kubernetes' JSON to facts."""

from datetime import UTC, datetime

import pytest

from scheduler_k8s_health import parsing
from scheduler_k8s_health.facts import Container, Node, Requirement
from tests.plugins.k8s_health import bodies


def test_a_node_is_read():
    assert parsing.node(bodies.node("a")) == Node("a", True, why_not_ready="KubeletReady")


def test_a_node_in_trouble_is_read():
    node = parsing.node(bodies.node("a", ready="Unknown", pressure="DiskPressure", cordoned=True))
    assert node == Node("a", False, True, ("DiskPressure",), "NodeStatusUnknown")


def test_a_node_without_conditions_is_not_ready():
    node = parsing.node({"metadata": {"name": "a"}})
    assert (node.ready, node.why_not_ready) == (False, "no Ready condition")


def test_a_pod_is_read():
    pod = parsing.pod(bodies.pod("worker-1", restarts=2, ended_for="OOMKilled"))
    assert (pod.name, pod.phase, pod.ready, pod.component) == (
        "worker-1",
        "Running",
        True,
        "worker",
    )
    assert pod.containers == (
        Container(
            "worker",
            bodies.IMAGE,
            restarts=2,
            ended_for="OOMKilled",
            ended_at=datetime(2026, 1, 2, 2, 30, tzinfo=UTC),
        ),
    )


def test_a_pod_that_waits_is_read():
    pod = parsing.pod(bodies.pod("worker-1", ready=False, waiting="ImagePullBackOff"))
    assert (pod.ready, pod.containers[0].waiting) == (False, "ImagePullBackOff")


def test_a_pod_that_no_node_takes_is_read():
    pod = parsing.pod(bodies.unschedulable("worker-1"))
    assert (pod.phase, pod.trouble) == ("Pending", "Unschedulable")
    assert [one.image for one in pod.containers] == [bodies.IMAGE]


def test_init_containers_count():
    item = bodies.pod("worker-1")
    item["spec"]["initContainers"] = [{"name": "migrate", "image": "m:1"}]
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    item["status"]["initContainerStatuses"] = [{"name": "migrate", "state": waiting}]
    assert parsing.pod(item).containers[0] == Container(
        "migrate", "m:1", waiting="CrashLoopBackOff"
    )


def test_a_pod_that_is_being_deleted_is_leaving():
    item = bodies.pod("worker-1")
    item["metadata"]["deletionTimestamp"] = "2026-01-02T03:00:00Z"
    assert parsing.pod(item).leaving


def test_a_budget_is_read():
    selector = {
        "matchLabels": {"app": "x"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["back"]}],
    }
    found = parsing.budget(bodies.budget("workers", selector=selector))
    assert (found.healthy, found.desired, found.expected, found.allowed) == (3, 2, 3, 1)
    assert found.labels == {"app": "x"}
    assert found.requirements == (Requirement("tier", "In", ("back",)),)


def test_a_budget_without_a_selector_selects_none():
    item = bodies.budget("workers")
    del item["spec"]["selector"]
    assert parsing.budget(item).selects_none


@pytest.mark.parametrize("text", ["yesterday", "0001-01-01T00:00:00+23:59"])
def test_an_end_at_no_instant_is_refused(text):
    state = {"terminated": {"reason": "Error", "finishedAt": text}}
    item = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
        "status": {"containerStatuses": [{"name": "c", "state": state}]},
    }
    with pytest.raises(ValueError, match="finishedAt is no instant"):
        parsing.pod(item)


@pytest.mark.parametrize(
    ("parse", "item", "why"),
    [
        (parsing.version, {}, "gitVersion is missing"),
        (parsing.node, {"metadata": {"name": 7}}, "name is no text"),
        (parsing.node, {"metadata": []}, "metadata is no object"),
        (parsing.pod, {"metadata": {"name": "p"}, "status": "Running"}, "status is no object"),
        (
            parsing.pod,
            {
                "metadata": {"name": "p"},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
                "status": {"containerStatuses": [{"name": "c", "restartCount": "many"}]},
            },
            "restartCount is no whole number",
        ),
        (
            parsing.budget,
            {"metadata": {"name": "b"}, "spec": {"selector": "app=x"}},
            "selector is no object",
        ),
    ],
)
def test_what_kubernetes_never_sends_is_refused(parse, item, why):
    with pytest.raises(ValueError, match=why):
        parse(item)
