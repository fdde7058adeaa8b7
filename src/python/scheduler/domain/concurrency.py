"""May another run of the same job start now?

The promise: ASSIGNED, RUNNING and canceling runs all hold their job until they are *reported*
ended; a cancel request alone frees nothing.

============  ======================================================================
policy        when the job is held already
============  ======================================================================
``allow``     starts beside the others, up to ``max_parallel``; then waits
``forbid``    the run is SKIPPED, naming the run that holds the job
``replace``   the holder gets a cancel request; the newest run waits for its end, and
              older runs that still wait are canceled
============  ======================================================================

``forbid`` skips a new occurrence. A retry, a catch-up and a backfill *owe* their slot an outcome
that was asked for, so they wait their turn instead: otherwise ``run_all`` would skip all but one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from uuid import UUID

from scheduler.domain.runs import ActiveRun, WaitingRun, is_catch_up, is_guarded
from scheduler.domain.values import Reason, RunState


class ConcurrencyPolicy(StrEnum):
    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


class Outcome(Enum):
    START = "start"
    WAIT = "wait"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that holds its job, and what it is doing."""

    run_id: UUID
    state: RunState
    canceling: bool = False

    def __str__(self) -> str:
        return f"run {self.run_id} ({'canceling' if self.canceling else self.state})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` and ``detail`` are set unless the outcome is START; ``replace`` are the run ids
    to be asked to cancel."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    replace: tuple[UUID, ...] = ()


class Holders:
    """Who holds which job, kept up to date while assignments are being decided."""

    def __init__(self, active: Iterable[ActiveRun]) -> None:
        self._by_definition: dict[int, list[Holder]] = {}
        for run in active:
            self._add(run.definition_id, Holder(run.run_id, run.state, run.cancel_requested))

    def started(self, run: WaitingRun) -> None:
        """Count a run that has just been assigned."""
        self._add(run.definition_id, Holder(run.run_id, RunState.ASSIGNED))

    def verdict(self, run: WaitingRun) -> Verdict:
        """What this run's policy says, given the holders of its job."""
        holders = self._by_definition.get(run.definition_id, [])
        limit = parallel_limit(run)
        if limit is None or len(holders) < limit:
            return Verdict(Outcome.START)
        if run.concurrency_policy == ConcurrencyPolicy.REPLACE:
            return _replace(holders)
        if run.concurrency_policy == ConcurrencyPolicy.FORBID and not _owes_an_outcome(run):
            return Verdict(
                Outcome.SKIP, Reason.CONCURRENCY_FORBID, f"{holders[0]} was still going on"
            )
        return Verdict(Outcome.WAIT, Reason.WAIT_MAX_PARALLEL, _full(holders, limit))

    def _add(self, definition_id: int, holder: Holder) -> None:
        self._by_definition.setdefault(definition_id, []).append(holder)


def parallel_limit(run: WaitingRun) -> int | None:
    """How many runs of the job may be active at once; None: any number."""
    if run.concurrency_policy == ConcurrencyPolicy.ALLOW:
        return run.max_parallel
    return 1


def may_start_ahead(run: WaitingRun) -> bool:
    """Whether a run may be handed out before its due instant: only where nothing can hold it."""
    return parallel_limit(run) is None and not run.depends and not is_guarded(run)


def superseded(runs: Iterable[WaitingRun]) -> dict[UUID, UUID]:
    """Waiting runs of ``replace`` jobs that a newer waiting run of the job makes pointless.

    Maps each to the newest. ``runs`` must be due already. The newest slot wins, then the highest
    run id.
    """
    waiting: dict[int, list[WaitingRun]] = {}
    for run in runs:
        if run.concurrency_policy == ConcurrencyPolicy.REPLACE:
            waiting.setdefault(run.definition_id, []).append(run)
    result: dict[UUID, UUID] = {}
    for rivals in waiting.values():
        newest = max(rivals, key=lambda run: (run.scheduled_for, run.run_id)).run_id
        result.update({run.run_id: newest for run in rivals if run.run_id != newest})
    return result


def _owes_an_outcome(run: WaitingRun) -> bool:
    return run.attempt > 1 or is_catch_up(run)


def _replace(holders: list[Holder]) -> Verdict:
    to_cancel = tuple(holder.run_id for holder in holders if not holder.canceling)
    return Verdict(
        Outcome.WAIT, Reason.WAIT_REPLACE, f"waits for the end of {holders[0]}", to_cancel
    )


def _full(holders: list[Holder], limit: int) -> str:
    others = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
    return f"at most {limit} at once; held by {holders[0]}{others}"
