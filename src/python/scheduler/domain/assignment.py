"""Which worker gets which run; and for each run left over, why not.

The promise: the same runs, workers and instant always give the same answer, and no run is left
without one. Runs are taken by priority (high first), those due now before those that catch up,
then by due instant. Each goes to the worker with the smallest share of its capacity in use among
those that may take it at all: it accepts runs, serves the run's queue, has all its labels and can
execute it. The leader takes runs only while no other worker is there to take them.

A run is, in this order of questions:

1. left alone: a cancel is requested (another statement ends it), or it is due later and its
   policy must be decided at its due instant;
2. **skipped** with SKIP_LATE: an on-time run that no worker took within
   ``skip_late_after_seconds`` of its due instant (catch-ups and retries are never too late);
3. **waiting** with WAIT_UPSTREAM, or **skipped**, by the upstreams that it depends on;
4. **waiting** with WAIT_PAUSED or WAIT_QUARANTINED: a person said so;
5. **replaced** by a newer waiting run; or **waiting** with WAIT_START_CAP or WAIT_RETRY_BUDGET, or
   **skipped** with RETRY_BUDGET, by the storm guard (``domain.guard``); or held, or skipped by its
   concurrency policy;
6. **waiting** with the first of WAIT_NO_WORKER, WAIT_NO_QUEUE, WAIT_NO_LABEL,
   WAIT_NO_CAPABILITY, WAIT_CAPACITY that leaves no worker over: the most specific truth;
7. **assigned**.

The cost is the number of runs times the logarithm of the number of workers, for each kind of
requirement met the first time also the number of workers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from scheduler.domain.concurrency import Holders, Outcome, Verdict, may_start_ahead, superseded
from scheduler.domain.dependencies import Held, Upstream, held
from scheduler.domain.guard import Guard, Start
from scheduler.domain.placement import Pool, WorkerSlot
from scheduler.domain.runs import ActiveRun, WaitingRun, is_catch_up, too_late_after
from scheduler.domain.values import DesiredMode, LeaseState, Reason, WorkerView

__all__ = ["AssignmentPolicies", "Assignments", "WorkerSlot", "assign", "worker_slots"]


@dataclass(frozen=True, slots=True)
class AssignmentPolicies:
    """The cluster's own policies; a definition's ``skip_late_after_seconds`` goes first."""

    skip_late_after_seconds: float = 300.0
    paused: bool = False
    start_cap_per_minute: int = 0
    """Of all jobs together; 0: none."""


@dataclass(slots=True)
class Assignments:
    """The whole answer. Every run asked about is in at most one of the first three lists."""

    assigned: list[tuple[UUID, str]] = field(default_factory=list)
    waiting: list[tuple[UUID, Reason, str]] = field(default_factory=list)
    skipped: list[tuple[UUID, Reason, str]] = field(default_factory=list)
    replace: list[UUID] = field(default_factory=list)
    """Runs, active or waiting, to be asked to cancel with Reason.REPLACED; each once."""
    upstream_until: datetime | None = None
    """The earliest instant at which a run has waited for its upstreams as long as it may."""
    counted: list[tuple[UUID, bool]] = field(default_factory=list)
    """Those of ``assigned`` that count as starts, and whether as a retry of a budget."""
    turns: dict[UUID, datetime] = field(default_factory=dict)
    """When each of the runs that the storm guard holds is expected to have its turn."""


def worker_slots(
    workers: Iterable[WorkerView],
    active: Iterable[ActiveRun],
    leader_worker_id: str | None,
    refusing: Mapping[str, str] | None = None,
) -> list[WorkerSlot]:
    """The LIVE workers as places for runs; their load is the RDB's count of ``active`` runs.

    ``refusing`` says by id why a worker was last heard to take no runs (empty: it takes some):
    nobody listened, or it is stopping. Such a one gets no run until it says otherwise, and a leader
    left with only such workers is alone.
    """
    open_runs: dict[str, int] = {}
    for run in active:
        open_runs[run.worker_id] = open_runs.get(run.worker_id, 0) + 1
    return [
        _slot(
            worker,
            open_runs.get(worker.facts.worker_id, 0),
            is_leader=worker.facts.worker_id == leader_worker_id,
            unavailable=_why_unavailable(worker, refusing or {}),
        )
        for worker in workers
        if worker.state is LeaseState.LIVE
    ]


def _slot(worker: WorkerView, open_runs: int, *, is_leader: bool, unavailable: str) -> WorkerSlot:
    facts = worker.facts
    return WorkerSlot(
        worker_id=facts.worker_id,
        queues=frozenset(facts.queues),
        labels=facts.labels,
        capabilities=frozenset(facts.capabilities),
        capacity=facts.capacity,
        open_runs=open_runs,
        is_leader=is_leader,
        unavailable=unavailable,
    )


def _why_unavailable(worker: WorkerView, refusing: Mapping[str, str]) -> str:
    if worker.desired is not DesiredMode.ACTIVE:
        return str(worker.desired)
    if why := refusing.get(worker.facts.worker_id):
        return why
    return "suspect" if worker.suspect else ""


def assign(
    runs: Sequence[WaitingRun],
    active: Sequence[ActiveRun],
    workers: Sequence[WorkerSlot],
    now: datetime,
    policies: AssignmentPolicies,
    *,
    ahead: Sequence[WorkerSlot] | None = None,
    upstreams: Mapping[UUID, Sequence[Upstream]] | None = None,
    starts: Sequence[Start] = (),
) -> Assignments:
    """Decide about every run of ``runs`` (PENDING, due by now or soon). ``now`` is cluster time.

    The load of ``workers`` is what takes a place now; that of ``ahead``, the same workers, counts
    the runs handed to them before they are due too (None: there are none). Runs due later go to
    the least loaded of those, up to as many again as it has places: a place taken in advance is
    taken from nobody who is due now. ``upstreams`` are those that runs have to ask, by run id;
    ``starts`` those that a limit of the storm guard counts.
    """
    answer = Assignments()
    holders, pool = Holders(active), Pool(workers)
    later = Pool([replace(w, capacity=2 * w.capacity) for w in (ahead or workers)])
    guard = Guard(starts, now, policies.start_cap_per_minute)
    candidates = [run for run in runs if _is_decidable(run, now, policies)]
    startable = []
    for run in sorted(candidates, key=_order):
        held_up = held(run, (upstreams or {}).get(run.run_id, ()), now)
        if _is_too_late(run, now, policies):
            answer.skipped.append((run.run_id, Reason.SKIP_LATE, _lateness(run, now, held_up)))
        elif held_up is not None:
            _hold_up(run, held_up, answer)
        elif (stop := _stopped_by_a_person(run, policies)) is not None:
            answer.waiting.append((run.run_id, *stop))
        else:
            startable.append(run)
    replaced = superseded(startable)
    answer.replace.extend(replaced)
    for run in startable:
        if run.run_id not in replaced:
            _place(run, guard, holders, pool if run.due_at <= now else later, answer)
    answer.replace = list(dict.fromkeys(answer.replace))
    answer.turns = guard.turns
    return answer


def _place(
    run: WaitingRun, guard: Guard, holders: Holders, pool: Pool, answer: Assignments
) -> None:
    verdict = guard.verdict(run)
    if verdict.outcome is Outcome.START:
        verdict = holders.verdict(run)
    if verdict.outcome is not Outcome.START:
        _hold(run, verdict, answer)
        return
    placed = pool.place(run)
    if isinstance(placed, str):
        answer.assigned.append((run.run_id, placed))
        holders.started(run)
        counts, as_retry = guard.started(run)
        if counts:
            answer.counted.append((run.run_id, as_retry))
    else:
        answer.waiting.append((run.run_id, *placed))


def _hold(run: WaitingRun, verdict: Verdict, answer: Assignments) -> None:
    assert verdict.reason is not None
    held = answer.skipped if verdict.outcome is Outcome.SKIP else answer.waiting
    held.append((run.run_id, verdict.reason, verdict.detail))
    answer.replace.extend(verdict.replace)


def _hold_up(run: WaitingRun, by: Held, answer: Assignments) -> None:
    (answer.waiting if by.waits else answer.skipped).append((run.run_id, by.reason, by.detail))
    if by.until is not None and (answer.upstream_until or by.until) >= by.until:
        answer.upstream_until = by.until


def _is_decidable(run: WaitingRun, now: datetime, policies: AssignmentPolicies) -> bool:
    ahead = may_start_ahead(run) and not policies.start_cap_per_minute
    return not run.cancel_requested and (run.due_at <= now or ahead)


def _order(run: WaitingRun) -> tuple[int, bool, datetime, UUID]:
    return (-run.priority, is_catch_up(run), run.due_at, run.run_id)


def _is_too_late(run: WaitingRun, now: datetime, policies: AssignmentPolicies) -> bool:
    limit = too_late_after(run, policies.skip_late_after_seconds)
    return limit is not None and now > limit


def _lateness(run: WaitingRun, now: datetime, held_up: Held | None) -> str:
    late = f"{(now - run.due_at).total_seconds():.0f} s"
    if held_up is not None:
        return f"{late} after its due time it still waited: {held_up.detail}"
    waited = f"; it waited with {run.reason}" if run.reason else ""
    return f"no worker took it within {late} of its due time{waited}"


def _stopped_by_a_person(
    run: WaitingRun, policies: AssignmentPolicies
) -> tuple[Reason, str] | None:
    if policies.paused:
        return Reason.WAIT_PAUSED, "the cluster is paused"
    if run.quarantined:
        return Reason.WAIT_QUARANTINED, "its job is quarantined; release it to go on"
    return None
