"""The pool of workers while runs are being placed: least loaded first, or the reason why none.

A helper of ``domain.assignment``. Workers that meet the same requirement (queue, labels,
executor) form a group, found once and kept as a heap by load. Loads only grow while placing, so
an entry that is out of date is too small, and is corrected when it comes to the top.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

from scheduler.domain.runs import WaitingRun
from scheduler.domain.values import Reason

Refusal = tuple[Reason, str]
Requirement = tuple[str, tuple[tuple[str, str], ...], str]
HeapEntry = tuple[float, int, str]

UNREACHABLE = "unreachable"
NOT_ACCEPTING = "not accepting runs"
"""Words for a worker that takes none: nobody listens at its address, or it said so (it stops)."""


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """A worker as a place for runs. ``unavailable`` is "" or the word why it takes none."""

    worker_id: str
    queues: frozenset[str]
    labels: Mapping[str, str]
    capabilities: frozenset[str]
    capacity: int
    open_runs: int
    is_leader: bool = False
    unavailable: str = ""


def capability_of(executor: str) -> str:
    """The capability a worker advertises when it can execute this executor's runs."""
    return f"executor:{executor}"


class Pool:
    """The workers of one decision, with their loads as they grow."""

    def __init__(self, workers: Sequence[WorkerSlot]) -> None:
        self._workers = workers
        self._load = {worker.worker_id: worker.open_runs for worker in workers}
        self._capacity = {worker.worker_id: worker.capacity for worker in workers}
        self._why_not = why_not(workers)
        self._groups: dict[Requirement, list[HeapEntry] | Refusal] = {}

    def place(self, run: WaitingRun) -> str | Refusal:
        """The id of the worker that gets the run, counted from now on; or why none does."""
        requirement = (run.queue, tuple(sorted(run.required_labels.items())), run.executor)
        group = self._groups.get(requirement)
        if group is None:
            group = self._groups[requirement] = self._group(requirement)
        if isinstance(group, tuple):
            return group
        worker_id = self._take(group)
        if worker_id is not None:
            return worker_id
        refusal = self._groups[requirement] = self._full(requirement)
        return refusal

    def _take(self, group: list[HeapEntry]) -> str | None:
        while group:
            entry = group[0]
            worker_id = entry[2]
            current = self._entry(worker_id)
            if self._load[worker_id] >= self._capacity[worker_id]:
                heappop(group)
            elif current != entry:
                heapreplace(group, current)
            else:
                self._load[worker_id] += 1
                heapreplace(group, self._entry(worker_id))
                return worker_id
        return None

    def _entry(self, worker_id: str) -> HeapEntry:
        load, capacity = self._load[worker_id], self._capacity[worker_id]
        return (load / max(capacity, 1), load - capacity, worker_id)

    def _group(self, requirement: Requirement) -> list[HeapEntry] | Refusal:
        able = self._able(requirement)
        if isinstance(able, tuple):
            return able
        group = [self._entry(worker.worker_id) for worker in able]
        heapify(group)
        return group

    def _able(self, requirement: Requirement) -> list[WorkerSlot] | Refusal:
        """The workers that meet the requirement and take runs, or the first question that left
        none over. Workers that take no runs are asked too, so that the answer names them."""
        queue, labels, executor = requirement
        if not any(why == "" for why in self._why_not.values()):
            return Reason.WAIT_NO_WORKER, self._nobody()
        serving = [w for w in self._workers if queue in w.queues]
        labelled = [w for w in serving if set(labels) <= set(w.labels.items())]
        capable = [w for w in labelled if capability_of(executor) in w.capabilities]
        for workers, reason, what in (
            (serving, Reason.WAIT_NO_QUEUE, f"serves queue {queue!r}"),
            (labelled, Reason.WAIT_NO_LABEL, f"of queue {queue!r} has {_labels(labels, serving)}"),
            (capable, Reason.WAIT_NO_CAPABILITY, f"that matches has executor {executor!r}"),
        ):
            if not any(not self._why_not[w.worker_id] for w in workers):
                return reason, self._nobody_who(what, workers)
        return [w for w in capable if not self._why_not[w.worker_id]]

    def _nobody(self) -> str:
        if not self._workers:
            return "no worker is live"
        return f"no worker takes runs: {self._list(self._workers)}"

    def _nobody_who(self, what: str, workers: Sequence[WorkerSlot]) -> str:
        if not workers:
            return f"no worker {what}"
        return f"no worker that takes runs {what}: {self._list(workers)}"

    def _list(self, workers: Sequence[WorkerSlot]) -> str:
        named = [f"{w.worker_id} {self._why_not[w.worker_id]}" for w in workers[:3]]
        more = [f"{len(workers) - 3} more"] if len(workers) > 3 else []
        return ", ".join(named + more)

    def _full(self, requirement: Requirement) -> Refusal:
        able = self._able(requirement)
        assert isinstance(able, list)
        total = sum(worker.capacity for worker in able)
        who = f"worker {able[0].worker_id} is" if len(able) == 1 else f"all {len(able)} workers are"
        return Reason.WAIT_CAPACITY, f"{who} full: {total} places taken"


def why_not(workers: Sequence[WorkerSlot]) -> dict[str, str]:
    """Why each worker takes no runs, by its id; "": it takes them."""
    alone = not any(not w.is_leader and not w.unavailable for w in workers)
    return {w.worker_id: _why_not(w, alone) for w in workers}


def _why_not(worker: WorkerSlot, alone: bool) -> str:
    if worker.unavailable:
        return f"is {worker.unavailable}"
    if worker.is_leader and not alone:
        return "leads and takes runs only while it is alone"
    return ""


def _labels(labels: tuple[tuple[str, str], ...], serving: Sequence[WorkerSlot]) -> str:
    """The labels that nobody has; all of them when each has somebody."""

    def has(label: tuple[str, str]) -> Callable[[WorkerSlot], bool]:
        return lambda worker: label in worker.labels.items()

    missing = [label for label in labels if not any(map(has(label), serving))] or labels
    names = ", ".join(f"{key}={value}" for key, value in missing)
    return f"label {names}" if len(missing) == 1 else f"all of the labels {names}"
