"""What a k3s API server sends, shortened where nothing reads it."""

from collections.abc import Mapping
from typing import Any

PART_OF = {"app.kubernetes.io/part-of": "scheduler"}
IMAGE = "registry.example/scheduler:1.4.2"
NEW_IMAGE = "registry.example/scheduler:1.5.0"

VERSION = {
    "major": "1",
    "minor": "33",
    "emulationMajor": "1",
    "emulationMinor": "33",
    "gitVersion": "v1.33.4+k3s1",
    "gitCommit": "148243c49519922720fe1b340008dbce8fb02516",
    "gitTreeState": "clean",
    "buildDate": "2025-08-26T18:41:49Z",
    "goVersion": "go1.24.5",
    "compiler": "gc",
    "platform": "linux/amd64",
}

READY = (
    "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]informer-sync ok\n[+]shutdown ok\nreadyz check passed\n"
)
NOT_READY = (
    "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n[+]informer-sync ok\n"
    "[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\nreadyz check failed\n"
)


def node(
    name: str, *, ready: str = "True", pressure: str = "", cordoned: bool = False
) -> dict[str, Any]:
    spec: dict[str, Any] = {"podCIDR": "10.42.0.0/24", "providerID": f"k3s://{name}"}
    if cordoned:
        spec |= {
            "unschedulable": True,
            "taints": [{"effect": "NoSchedule", "key": "node.kubernetes.io/unschedulable"}],
        }
    why = {"True": "KubeletReady", "False": "KubeletNotReady", "Unknown": "NodeStatusUnknown"}
    conditions = [
        _condition(kind, "True" if kind == pressure else "False", f"KubeletHas{kind}")
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    return {
        "metadata": _metadata(name, {"kubernetes.io/hostname": name}),
        "spec": spec,
        "status": {
            "capacity": {"cpu": "4", "memory": "16374472Ki", "pods": "110"},
            "conditions": [*conditions, _condition("Ready", ready, why[ready])],
            "nodeInfo": {"kubeletVersion": "v1.33.4+k3s1", "osImage": "Debian GNU/Linux 13"},
        },
    }


def pod(
    name: str,
    *,
    component: str = "worker",
    image: str = IMAGE,
    ready: bool = True,
    restarts: int = 0,
    waiting: str = "",
    ended_for: str = "",
    ended_at: str = "2026-01-02T02:30:00Z",
    labels: Mapping[str, str] = PART_OF,
) -> dict[str, Any]:
    state: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:05Z"}}
    if waiting:
        state = {"waiting": {"reason": waiting, "message": f'Back-off pulling image "{image}"'}}
    last: dict[str, Any] = {}
    if ended_for:
        code = 137 if ended_for == "OOMKilled" else 1
        last = {"terminated": {"exitCode": code, "reason": ended_for, "finishedAt": ended_at}}
    return {
        "metadata": _metadata(name, {**labels, "app.kubernetes.io/component": component})
        | {"namespace": "scheduler"},
        "spec": {
            "containers": [{"name": component, "image": image, "resources": {}}],
            "nodeName": "node-a",
            "serviceAccountName": "scheduler",
        },
        "status": {
            "phase": "Pending" if waiting.endswith("ImagePull") else "Running",
            "conditions": [
                _condition("PodScheduled", "True", ""),
                _condition("Ready", str(ready), "" if ready else "ContainersNotReady"),
            ],
            "containerStatuses": [
                {
                    "name": component,
                    "image": image,
                    "imageID": "registry.example/scheduler@sha256:0f",
                    "ready": ready,
                    "restartCount": restarts,
                    "state": state,
                    "lastState": last,
                }
            ],
        },
    }


def unschedulable(name: str) -> dict[str, Any]:
    found = pod(name, ready=False)
    found["status"] = {
        "phase": "Pending",
        "conditions": [
            _condition("PodScheduled", "False", "Unschedulable")
            | {"message": "0/2 nodes are available: 2 Insufficient memory."}
        ],
    }
    del found["spec"]["nodeName"]
    return found


def budget(
    name: str,
    *,
    selector: Mapping[str, Any] | None = None,
    healthy: int = 3,
    desired: int = 2,
    expected: int = 3,
    allowed: int | None = None,
) -> dict[str, Any]:
    free = max(0, healthy - desired) if allowed is None else allowed
    return {
        "metadata": _metadata(name, PART_OF) | {"namespace": "scheduler"},
        "spec": {"minAvailable": desired, "selector": selector or {"matchLabels": dict(PART_OF)}},
        "status": {
            "conditions": [_condition("DisruptionAllowed", str(free > 0), "")],
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": free,
            "expectedPods": expected,
            "observedGeneration": 1,
        },
    }


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    """What comes with an error."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def _metadata(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "uid": "5f0d9f0c-6d5c-4d2a-9a6d-0f3a1c2b4d5e",
        "resourceVersion": "48213",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": dict(labels),
        "managedFields": [{"manager": "k3s", "operation": "Update", "apiVersion": "v1"}],
    }


def _condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "lastTransitionTime": "2026-01-01T00:00:03Z",
    }
