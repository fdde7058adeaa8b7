"""What was read of the Kubernetes API: the few facts that health is judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ApiServer:
    """``failed_parts``: what /readyz names as not ready; they may be empty though it is not."""

    version: str
    ready: bool
    failed_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """``pressures`` are the conditions that should be False and are not (MemoryPressure...)."""

    name: str
    ready: bool
    cordoned: bool = False
    pressures: tuple[str, ...] = ()
    why_not_ready: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """``waiting`` is the reason of a container that waits (CrashLoopBackOff...), else empty;
    ``ended_for`` and ``ended_at`` tell of its last end (OOMKilled...), in UTC."""

    name: str
    image: str
    restarts: int = 0
    waiting: str = ""
    ended_for: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """``component`` is its label app.kubernetes.io/component; ``trouble`` is why the pod as a whole
    does not run (Unschedulable, Evicted...)."""

    name: str
    phase: str
    ready: bool
    leaving: bool = False
    component: str = ""
    trouble: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One ``matchExpressions`` entry of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """As Kubernetes judges it; an operator that is not known holds for nothing."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget. ``selects_none``: it has no selector at all."""

    name: str
    healthy: int
    desired: int
    expected: int
    allowed: int
    labels: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()
    selects_none: bool = False

    def covers(self, pod: Pod) -> bool:
        """Whether the pod's eviction asks this budget. An empty selector covers every pod."""
        if self.selects_none:
            return False
        exact = all(pod.labels.get(key) == value for key, value in self.labels.items())
        return exact and all(one.holds(pod.labels) for one in self.requirements)


@dataclass(frozen=True, slots=True)
class Listed[T]:
    """What a list held; ``whole`` is False where it was longer than is read."""

    items: Sequence[T]
    whole: bool = True
