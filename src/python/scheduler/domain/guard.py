"""The storm guard: how many starts and retries are let through, and until when the others wait.

A **start** is a run handed to a worker: from its assignment on it may begin any moment, and with
its claim it has begun. The promise of a start cap of N: in no 60 seconds do more than N runs
begin, whatever the ticks, leaders and workers. It holds because a run is handed out only while
fewer than N others count: those not yet claimed, however old their assignment, and those claimed
less than 60 seconds ago. (The window is half open: two starts 60 seconds apart are not in one.)

=====================  ============================================================================
limit                  what is beyond it
=====================  ============================================================================
start cap              waits, WAIT_START_CAP, until a start leaves the window
retry budget           waits, WAIT_RETRY_BUDGET; but at most as many wait as the budget allows in an
                       hour, the others are given up: SKIPPED, RETRY_BUDGET. A backlog of retries
                       that grows without end would help nobody
=====================  ============================================================================

Only retries that the job's own failures caused (``WaitingRun.own_retry``) spend the budget: a run
whose worker was lost is innocent, and ``max_orphans`` bounds it already. All retries count as
starts.

Time is an argument: ages of starts in seconds, by the clock of the RDB.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scheduler.domain.concurrency import Outcome, Verdict
from scheduler.domain.runs import WaitingRun
from scheduler.domain.values import Reason

START_WINDOW_SECONDS = 60.0
RETRY_WINDOW_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Start:
    """A start that counts. ``age_seconds`` since its claim; None: assigned and not yet claimed.

    ``is_retry``: it spent some of its job's retry budget.
    """

    definition_id: int
    is_retry: bool
    age_seconds: float | None


class Allowance:
    """At most ``limit`` starts (at least 1) in any ``window_seconds``.

    ``ages`` are those of the starts so far, None for one that has not been claimed yet.
    """

    def __init__(self, limit: int, window_seconds: float, ages: Iterable[float | None]) -> None:
        self._limit, self._window = limit, window_seconds
        # In so many seconds each start leaves the window; an unclaimed one no sooner than that.
        self._leaves = sorted(
            window_seconds - (age or 0.0) for age in ages if age is None or age < window_seconds
        )
        self.held = 0
        """How many were told their turn."""

    @property
    def used_up(self) -> bool:
        return len(self._leaves) >= self._limit

    def take(self) -> None:
        """Count one more start, now."""
        insort(self._leaves, self._window)

    def turn(self) -> float:
        """The seconds until the next that waits may start, which is counted as starting then."""
        seconds = self._leaves[len(self._leaves) - self._limit]
        insort(self._leaves, seconds + self._window)
        self.held += 1
        return seconds


class Guard:
    """Judges the runs of one look at what waits, in the order in which they are to start."""

    def __init__(self, starts: Iterable[Start], now: datetime, cluster_cap: int = 0) -> None:
        """``cluster_cap`` is that of all jobs together; 0: none."""
        self._now, self._cluster_cap = now, cluster_cap
        self._starts: dict[int, list[Start]] = {}
        for start in starts:
            self._starts.setdefault(start.definition_id, []).append(start)
        everyone = [start for each in self._starts.values() for start in each]
        self._cluster = (
            _allowance(cluster_cap, START_WINDOW_SECONDS, everyone) if cluster_cap else None
        )
        self._caps: dict[int, Allowance] = {}
        self._budgets: dict[int, Allowance] = {}
        self.turns: dict[UUID, datetime] = {}
        """When each run that is held is expected to have its turn."""

    def verdict(self, run: WaitingRun) -> Verdict:
        """Whether ``run``, which nothing else holds, may start now."""
        budget = self._budget(run)
        if budget is not None and budget.used_up:
            return self._beyond(run, budget)
        cap = self._cap(run)
        if cap is not None and cap.used_up:
            limit = f"start cap of the job: {run.start_cap_per_minute} in 60 s"
            return self._wait(run, cap, Reason.WAIT_START_CAP, limit)
        if self._cluster is not None and self._cluster.used_up:
            limit = f"start cap of the cluster: {self._cluster_cap} in 60 s"
            return self._wait(run, self._cluster, Reason.WAIT_START_CAP, limit)
        return Verdict(Outcome.START)

    def started(self, run: WaitingRun) -> tuple[bool, bool]:
        """Count a run that has just been assigned; whether it counts at all, and as a retry."""
        allowances = (self._budget(run), self._cap(run), self._cluster)
        counting = [each for each in allowances if each is not None]
        for each in counting:
            each.take()
        return bool(counting), run.own_retry

    def _budget(self, run: WaitingRun) -> Allowance | None:
        limit = run.retry_budget_per_hour
        if limit is None or not run.own_retry:
            return None
        if run.definition_id not in self._budgets:
            retries = [start for start in self._of(run) if start.is_retry]
            self._budgets[run.definition_id] = _allowance(limit, RETRY_WINDOW_SECONDS, retries)
        return self._budgets[run.definition_id]

    def _cap(self, run: WaitingRun) -> Allowance | None:
        limit = run.start_cap_per_minute
        if limit is None:
            return None
        if run.definition_id not in self._caps:
            self._caps[run.definition_id] = _allowance(limit, START_WINDOW_SECONDS, self._of(run))
        return self._caps[run.definition_id]

    def _of(self, run: WaitingRun) -> list[Start]:
        return self._starts.get(run.definition_id, [])

    def _beyond(self, run: WaitingRun, budget: Allowance) -> Verdict:
        limit = f"retry budget of the job: {run.retry_budget_per_hour} in an hour"
        if budget.held < (run.retry_budget_per_hour or 0):
            return self._wait(run, budget, Reason.WAIT_RETRY_BUDGET, limit)
        detail = f"{limit}, and {budget.held} wait already: this one is given up"
        return Verdict(Outcome.SKIP, Reason.RETRY_BUDGET, detail)

    def _wait(self, run: WaitingRun, allowance: Allowance, reason: Reason, limit: str) -> Verdict:
        until = self.turns[run.run_id] = self._now + timedelta(seconds=allowance.turn())
        return Verdict(Outcome.WAIT, reason, f"{limit}; its turn is at about {_second(until)}")


def _allowance(limit: int, window_seconds: float, starts: Iterable[Start]) -> Allowance:
    return Allowance(limit, window_seconds, (start.age_seconds for start in starts))


def _second(instant: datetime) -> str:
    """The next whole second, as it is written in UTC."""
    whole = instant.replace(microsecond=0)
    return (whole if whole == instant else whole + timedelta(seconds=1)).isoformat()
