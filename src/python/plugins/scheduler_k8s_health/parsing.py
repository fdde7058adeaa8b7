"""From the API server's JSON to facts. Pure; ValueError says what in an answer is not as expected.

Kubernetes leaves out what is empty, so a missing part is its zero; a part of another type is no
answer of Kubernetes'.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from scheduler_k8s_health.facts import Budget, Container, Node, Pod, Requirement

COMPONENT = "app.kubernetes.io/component"
GOOD_WHEN_FALSE = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
_FAILED_PART = re.compile(r"^\[-\](\S+)", re.MULTILINE)

type Json = Mapping[str, Any]


def version(body: Json) -> str:
    """``gitVersion`` of /version."""
    found = _text(body, "gitVersion")
    if not found:
        raise ValueError("gitVersion is missing")
    return found


def failed_parts(text: str) -> tuple[str, ...]:
    """What ``/readyz?verbose`` marks with ``[-]``."""
    return tuple(_FAILED_PART.findall(text))


def items(body: Json, kind: str) -> Sequence[Json]:
    """The items of a list of this kind."""
    if body.get("kind") != kind:
        raise ValueError(f"kind is {str(body.get('kind'))[:40]!r} where {kind} was expected")
    return _objects(body, "items")


def next_page(body: Json) -> str:
    """What asks for the next page; empty after the last."""
    return _text(_object(body, "metadata"), "continue")


def node(item: Json) -> Node:
    conditions = _conditions(item)
    ready = conditions.get("Ready", {})
    return Node(
        name=_name(item),
        ready=_text(ready, "status") == "True",
        cordoned=_object(item, "spec").get("unschedulable") is True,
        pressures=tuple(
            name
            for name in GOOD_WHEN_FALSE
            if _text(conditions.get(name, {}), "status") not in ("", "False")
        ),
        why_not_ready=_text(ready, "reason") or "no Ready condition",
    )


def pod(item: Json) -> Pod:
    metadata, status = _object(item, "metadata"), _object(item, "status")
    labels = _labels(metadata, "labels")
    conditions = _conditions(item)
    return Pod(
        name=_name(item),
        phase=_text(status, "phase"),
        ready=_text(conditions.get("Ready", {}), "status") == "True",
        leaving=bool(metadata.get("deletionTimestamp")),
        component=labels.get(COMPONENT, ""),
        trouble=_text(status, "reason") or _unscheduled(conditions),
        labels=labels,
        containers=_containers(_object(item, "spec"), status),
    )


def budget(item: Json) -> Budget:
    status, selector = _object(item, "status"), _object(item, "spec").get("selector")
    if selector is not None and not isinstance(selector, Mapping):
        raise ValueError("selector is no object")
    found = selector or {}
    return Budget(
        name=_name(item),
        healthy=_number(status, "currentHealthy"),
        desired=_number(status, "desiredHealthy"),
        expected=_number(status, "expectedPods"),
        allowed=_number(status, "disruptionsAllowed"),
        labels=_labels(found, "matchLabels"),
        requirements=tuple(map(_requirement, _objects(found, "matchExpressions"))),
        selects_none=selector is None,
    )


def _containers(spec: Json, status: Json) -> tuple[Container, ...]:
    """Init containers too: a pod whose first one cannot start never comes to the others."""
    images = {
        _text(one, "name"): _text(one, "image")
        for key in ("initContainers", "containers")
        for one in _objects(spec, key)
    }
    states = {
        _text(one, "name"): one
        for key in ("initContainerStatuses", "containerStatuses")
        for one in _objects(status, key)
    }
    return tuple(_container(name, image, states.get(name, {})) for name, image in images.items())


def _container(name: str, image: str, status: Json) -> Container:
    # The image that was asked for: what the runtime reports may be a digest or another name.
    ended = _object(_object(status, "state"), "terminated") or _object(
        _object(status, "lastState"), "terminated"
    )
    return Container(
        name=name,
        image=image,
        restarts=_number(status, "restartCount"),
        waiting=_text(_object(_object(status, "state"), "waiting"), "reason"),
        ended_for=_text(ended, "reason"),
        ended_at=_instant(ended, "finishedAt"),
    )


def _unscheduled(conditions: Mapping[str, Json]) -> str:
    scheduled = conditions.get("PodScheduled", {})
    return _text(scheduled, "reason") if _text(scheduled, "status") == "False" else ""


def _requirement(item: Json) -> Requirement:
    values = item.get("values") or []
    if not isinstance(values, list):
        raise ValueError("values is no list")
    return Requirement(_text(item, "key"), _text(item, "operator"), tuple(map(str, values)))


def _name(item: Json) -> str:
    found = _text(_object(item, "metadata"), "name")
    if not found:
        raise ValueError("an item has no name")
    return found


def _conditions(item: Json) -> dict[str, Json]:
    return {_text(one, "type"): one for one in _objects(_object(item, "status"), "conditions")}


def _object(parent: Json, key: str) -> Json:
    found = parent.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{key} is no object")
    return found


def _objects(parent: Json, key: str) -> Sequence[Json]:
    found = parent.get(key)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise ValueError(f"{key} is no list of objects")
    return found


def _labels(parent: Json, key: str) -> dict[str, str]:
    return {name: str(value) for name, value in _object(parent, key).items()}


def _text(parent: Json, key: str) -> str:
    found = parent.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"{key} is no text")
    return found


def _number(parent: Json, key: str) -> int:
    found = parent.get(key)
    if found is None:
        return 0
    if not isinstance(found, int):
        raise ValueError(f"{key} is no whole number")
    return found


def _instant(parent: Json, key: str) -> datetime | None:
    text = _text(parent, key)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        raise ValueError(f"{key} is no instant") from None
