"""From facts to health: pure, one sentence each, and what to do where something is wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from scheduler.plugin_api.values import HealthReport, HealthStatus
from scheduler_k8s_health.errors import KubernetesProblem
from scheduler_k8s_health.facts import ApiServer, Budget, Container, Listed, Node, Pod

NAMED = 5
"""So many names are shown in a sentence; the rest is counted."""

OUT_OF_MEMORY = "OOMKilled"
STARTING = frozenset({"ContainerCreating", "PodInitializing"})


def judge_problem(problem: KubernetesProblem, *, of_the_server: bool = False) -> HealthReport:
    """What cannot be asked is unknown; for the API server itself, its own trouble is failing."""
    failing = of_the_server and problem.server_at_fault
    status = HealthStatus.FAILING if failing else HealthStatus.UNKNOWN
    return HealthReport(status, str(problem), {"code": problem.code})


def judge_api(server: ApiServer) -> HealthReport:
    """Is the API server ready by its own word?"""
    detail = {"version": server.version}
    if server.ready:
        return HealthReport(HealthStatus.OK, f"The API server {server.version} is ready.", detail)
    parts = named(server.failed_parts) or "it names no part"
    return HealthReport(
        HealthStatus.FAILING,
        f"The API server {server.version} is not ready ({parts}); look at the control plane's log.",
        detail | {"failed_parts": ", ".join(server.failed_parts)},
    )


def judge_nodes(nodes: Listed[Node]) -> HealthReport:
    """Can nodes take pods?"""
    ready, count = sum(node.ready for node in nodes.items), _count(nodes)
    ill = dict(_node_troubles(nodes.items))
    detail = {"nodes": count, "ready": str(ready), **ill}
    if ready and not ill:
        told = f"All of {count} nodes are Ready and take pods."
        return HealthReport(HealthStatus.OK, told, detail)
    if not ill:
        return HealthReport(HealthStatus.FAILING, "The cluster has no node.", detail)
    status = HealthStatus.WARNING if ready else HealthStatus.FAILING
    told = f"{ready} of {count} nodes are Ready; {_named_troubles(ill)}."
    return HealthReport(status, told, detail)


def judge_pods(
    pods: Listed[Pod], now: datetime, recent: timedelta, selector: str, namespace: str
) -> HealthReport:
    """Do our pods run, without restarts of late? A roll-out under way is told, and is no ill."""
    ours = [pod for pod in pods.items if pod.phase != "Succeeded"]
    if not ours:
        return HealthReport(HealthStatus.WARNING, _no_pod(selector, namespace))
    failing = dict(_failing_pods(ours))
    # A pod's gravest trouble is told, and the gravest come first.
    troubles = failing | {
        name: why for name, why in _warning_pods(ours, now, recent) if name not in failing
    }
    healthy = HealthStatus.WARNING if troubles else HealthStatus.OK
    ready = f"{sum(pod.ready for pod in ours)} of {len(ours)} pods are ready"
    parts = filter(None, (ready, _named_troubles(troubles), _rollout(ours)))
    return HealthReport(
        HealthStatus.FAILING if failing else healthy,
        f"{'; '.join(parts)}.",
        _pod_detail(pods, ours) | troubles,
    )


def judge_budgets(
    budgets: Listed[Budget], pods: Listed[Pod], selector: str, namespace: str
) -> HealthReport:
    """Would the disruption budgets let a node be drained, and keep enough of us?"""
    ours = [pod for pod in pods.items if pod.phase in ("Running", "Pending")]
    if not ours:
        return HealthReport(HealthStatus.WARNING, _no_pod(selector, namespace))
    covering = [one for one in budgets.items if any(map(one.covers, ours))]
    if not covering:
        return HealthReport(
            HealthStatus.WARNING,
            f"No PodDisruptionBudget in namespace {namespace} covers our pods: a node drain may"
            " end all of them at once; add one.",
        )
    short = [one for one in covering if one.healthy < one.desired]
    troubles = [*map(_short, short), *_stuck(covering), *_covered_twice(covering, ours)]
    detail = {one.name: _head_room(one) for one in covering}
    if troubles:
        status = HealthStatus.FAILING if short else HealthStatus.WARNING
        return HealthReport(status, f"{named(troubles)}.", detail)
    room = named(f"{one.name} allows {one.allowed}" for one in covering)
    return HealthReport(HealthStatus.OK, f"Pods that may be evicted now: {room}.", detail)


def named(texts: Iterable[str]) -> str:
    """The first of the texts, and how many more there are."""
    all_texts = list(texts)
    more = len(all_texts) - NAMED
    shown = ", ".join(all_texts[:NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _named_troubles(troubles: Mapping[str, str]) -> str:
    return named(f"{name} {trouble}" for name, trouble in troubles.items())


def _pod_detail(pods: Listed[Pod], ours: Sequence[Pod]) -> dict[str, str]:
    containers = [one for pod in ours for one in pod.containers]
    return {
        "pods": _count(pods),
        "ready": str(sum(pod.ready for pod in ours)),
        "restarts": str(sum(one.restarts for one in containers)),
        "images": ", ".join(sorted({one.image for one in containers})),
    }


def _count[T](listed: Listed[T]) -> str:
    return str(len(listed.items)) if listed.whole else f"more than {len(listed.items)}"


def _node_troubles(nodes: Iterable[Node]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        troubles = [] if node.ready else [f"is not Ready ({node.why_not_ready})"]
        troubles += [f"has {pressure}" for pressure in node.pressures]
        troubles += ["is cordoned"] if node.cordoned else []
        if troubles:
            yield node.name, " and ".join(troubles)


def _no_pod(selector: str, namespace: str) -> str:
    return (
        f"No pod in namespace {namespace} has the labels {selector}; correct"
        " SCHEDULER_K8S_POD_SELECTOR or SCHEDULER_K8S_NAMESPACE."
    )


def _failing_pods(pods: Iterable[Pod]) -> Iterator[tuple[str, str]]:
    """Pods that do not run, and will not by waiting alone."""
    for pod in pods:
        if pod.phase == "Failed":
            continue
        stuck = next((one for one in pod.containers if _is_stuck(one)), None)
        if pod.trouble and not pod.leaving:
            yield pod.name, f"does not run ({pod.trouble})"
        elif stuck:
            yield pod.name, f"waits with {stuck.waiting}{_after(stuck)}"


def _is_stuck(container: Container) -> bool:
    return bool(container.waiting) and container.waiting not in STARTING


def _after(container: Container) -> str:
    return f" after {container.ended_for}" if container.ended_for else ""


def _warning_pods(
    pods: Iterable[Pod], now: datetime, recent: timedelta
) -> Iterator[tuple[str, str]]:
    for pod in pods:
        ended = next((one for one in pod.containers if _ended_of_late(one, now, recent)), None)
        if pod.phase == "Failed":
            # Another has taken its place; Kubernetes keeps this one to be looked at.
            yield pod.name, f"has failed ({pod.trouble or 'no reason given'}); delete it when seen"
        elif ended and ended.ended_for == OUT_OF_MEMORY:
            yield pod.name, f"was out of memory (OOMKilled, {_restarts(ended)})"
        elif ended:
            yield pod.name, f"was restarted of late ({ended.ended_for}, {_restarts(ended)})"
        elif not pod.ready and not pod.leaving:
            yield pod.name, "is not ready"


def _ended_of_late(container: Container, now: datetime, recent: timedelta) -> bool:
    bad_end = container.restarts > 0 or container.ended_for == OUT_OF_MEMORY
    return bad_end and container.ended_at is not None and now - container.ended_at <= recent


def _restarts(container: Container) -> str:
    return f"{container.restarts} restart{'' if container.restarts == 1 else 's'} in all"


def _rollout(pods: Sequence[Pod]) -> str:
    """Containers of one component and name that differ in their image; empty without."""
    images: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for pod in pods:
        for one in pod.containers:
            images[pod.component, one.name][one.image] += 1
    differing = [
        f"{name} runs {' and '.join(f'{image} ({n})' for image, n in sorted(found.items()))}"
        for (_, name), found in sorted(images.items())
        if len(found) > 1
    ]
    return f"a roll-out is under way: {named(differing)}" if differing else ""


def _short(budget: Budget) -> str:
    return f"{budget.name} wants {budget.desired} healthy pods and has {budget.healthy}"


def _stuck(budgets: Iterable[Budget]) -> Iterator[str]:
    """Budgets with all the pods they want, that allow no eviction all the same."""
    for one in budgets:
        if one.allowed or one.healthy < one.desired:
            continue
        if one.desired >= one.expected:
            yield (
                f"{one.name} can never allow an eviction ({one.expected} pods, all are wanted):"
                " add a pod, or lower what it demands"
            )
        else:
            yield f"{one.name} allows no eviction now: a node drain will wait"


def _covered_twice(budgets: Sequence[Budget], pods: Iterable[Pod]) -> Iterator[str]:
    """Kubernetes refuses to evict a pod that two budgets cover."""
    for pod in pods:
        names = [one.name for one in budgets if one.covers(pod)]
        if len(names) > 1:
            yield f"{pod.name} is covered by {' and '.join(names)} and so cannot be evicted"


def _head_room(budget: Budget) -> str:
    return (
        f"allows {budget.allowed}; {budget.healthy} healthy of {budget.expected},"
        f" {budget.desired} wanted"
    )
