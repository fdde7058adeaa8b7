"""Every reason that holds a waiting run back, by asking ``domain.assignment`` until it has none.

The decider names one reason, the first of its questions. Here what it named is set aside (the
pause is thought away, the quarantine, the upstreams, the job's own limit) and it is asked again.
A reason that no worker takes the run is the last: there is nothing after it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from scheduler.domain.assignment import AssignmentPolicies, Assignments, assign, worker_slots
from scheduler.domain.concurrency import ConcurrencyPolicy
from scheduler.domain.dependencies import Upstream
from scheduler.domain.runs import ActiveRun, WaitingRun
from scheduler.domain.values import Reason, RunState, WorkerView

NO_LIMIT_SECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A WaitingRun of which something may be thought away."""

    run_id: UUID
    definition_id: int
    slot_key: str
    attempt: int
    scheduled_for: datetime
    due_at: datetime
    priority: int
    queue: str
    required_labels: Mapping[str, str]
    executor: str
    concurrency_policy: str
    max_parallel: int | None
    skip_late_after_seconds: int | None
    cancel_requested: bool
    quarantined: bool
    reason: Reason | None
    start_cap_per_minute: int | None
    retry_budget_per_hour: int | None
    quarantine_after_failures: int | None
    own_retry: bool
    depends: bool


def candidate(run: WaitingRun) -> Candidate:
    """A copy of the run."""
    return Candidate(**{each.name: getattr(run, each.name) for each in fields(Candidate)})


class ActiveAt(ActiveRun, Protocol):
    """An ActiveRun that says when it is due: before that it takes no place."""

    @property
    def due_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides about ``run``. ``rivals`` wait too; ``active`` are all active runs;
    ``workers`` the live ones."""

    run: Candidate
    rivals: Sequence[WaitingRun]
    active: Sequence[ActiveAt]
    workers: Sequence[WorkerView]
    leader_worker_id: str | None
    now: datetime
    policies: AssignmentPolicies = field(default_factory=AssignmentPolicies)
    upstreams: Mapping[UUID, Sequence[Upstream]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the run does not start; ``ends_it``: it is skipped or canceled for it."""

    reason: Reason
    detail: str = ""
    ends_it: bool = False


def obstacles(situation: Situation) -> list[Obstacle]:
    """All of them, in the order of the decider's questions; empty: it would be assigned now.

    A cancel request is none of them, nor that it is due later: it is judged as if due now."""
    run = replace(situation.run, cancel_requested=False)
    if run.due_at > situation.now:
        run = replace(run, due_at=situation.now)
    situation = replace(situation, run=run)
    found: list[Obstacle] = []
    while (each := _first(situation)) is not None:
        found.append(each)
        aside = _ASIDE.get(each.reason)
        if aside is None or len(found) > len(_ASIDE):
            break
        situation = aside(situation)
    return found


def _first(situation: Situation) -> Obstacle | None:
    answer, mine = _decide(situation), situation.run.run_id
    for held, ends_it in ((answer.skipped, True), (answer.waiting, False)):
        for run_id, reason, detail in held:
            if run_id == mine:
                return Obstacle(reason, detail, ends_it)
    if mine in answer.replace:
        return Obstacle(Reason.REPLACED, "a newer run of the job waits", ends_it=True)
    return None


def _decide(situation: Situation) -> Assignments:
    now, run = situation.now, situation.run
    begun = [
        each for each in situation.active if each.state is RunState.RUNNING or each.due_at <= now
    ]
    return assign(
        [*situation.rivals, run],
        situation.active,
        worker_slots(situation.workers, begun, situation.leader_worker_id),
        now,
        situation.policies,
        upstreams=situation.upstreams,
    )


def _unlimited(situation: Situation) -> Situation:
    free = replace(
        situation.run, concurrency_policy=str(ConcurrencyPolicy.ALLOW), max_parallel=None
    )
    return replace(situation, run=free)


def _never_late(situation: Situation) -> Situation:
    return replace(situation, run=replace(situation.run, skip_late_after_seconds=NO_LIMIT_SECONDS))


def _not_paused(situation: Situation) -> Situation:
    return replace(situation, policies=replace(situation.policies, paused=False))


def _released(situation: Situation) -> Situation:
    return replace(situation, run=replace(situation.run, quarantined=False))


def _free(situation: Situation) -> Situation:
    others = {k: v for k, v in situation.upstreams.items() if k != situation.run.run_id}
    return replace(situation, upstreams=others)


_ASIDE: Mapping[Reason, Callable[[Situation], Situation]] = {
    Reason.SKIP_LATE: _never_late,
    Reason.WAIT_UPSTREAM: _free,
    Reason.UPSTREAM_FAILED: _free,
    Reason.WAIT_PAUSED: _not_paused,
    Reason.WAIT_QUARANTINED: _released,
    Reason.REPLACED: _unlimited,
    Reason.WAIT_REPLACE: _unlimited,
    Reason.WAIT_MAX_PARALLEL: _unlimited,
    Reason.CONCURRENCY_FORBID: _unlimited,
}
