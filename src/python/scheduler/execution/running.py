"""Which run gets which signal when: the fork server's table of living runs.

Pure of clocks and of the operating system: instants are seconds of CLOCK_BOOTTIME, handed in,
and the signals are returned for the fork server to send. One way out for all reasons (timeout,
cancel, lease, stop): TERM to the group, the run's own grace, KILL; and never later than the
run lease's end.
"""

import signal
from collections.abc import Iterable
from uuid import UUID

from scheduler.domain.values import LaunchSpec


class LivingRun:
    """One run with a process, and what was asked of it."""

    __slots__ = (
        "canceled",
        "killed",
        "lease_lost",
        "pid",
        "spec",
        "started_at",
        "term_at",
        "timed_out",
    )

    def __init__(self, spec: LaunchSpec, pid: int, started_at: float) -> None:
        self.spec, self.pid, self.started_at = spec, pid, started_at
        self.term_at: float | None = None
        self.killed = self.timed_out = self.canceled = self.lease_lost = False


class RunTable:
    """The living runs of one fork server, by process and by id."""

    def __init__(self) -> None:
        self.by_pid: dict[int, LivingRun] = {}
        self._by_id: dict[UUID, LivingRun] = {}
        self.deadline: float | None = None
        """The run lease's end; None before the first. Set by ``renew``."""
        self._lease_grace = float("inf")
        self._grace_limit: float | None = None

    def __len__(self) -> int:
        return len(self.by_pid)

    def add(self, run: LivingRun) -> None:
        self.by_pid[run.pid] = self._by_id[run.spec.run_id] = run

    def remove(self, pid: int) -> LivingRun | None:
        run = self.by_pid.pop(pid, None)
        if run is not None:
            del self._by_id[run.spec.run_id]
        return run

    def renew(self, deadline: float, now: float) -> None:
        """The run lease now ends at ``deadline``.

        The TERM that comes before its end comes at most half of what is left before: a job
        whose grace is as long as the lease would otherwise never be left in peace.
        """
        self.deadline = deadline
        self._lease_grace = max(0.0, (deadline - now) / 2)

    def lease_over(self, now: float) -> bool:
        return self.deadline is not None and now >= self.deadline

    def cancel(self, run_ids: Iterable[UUID], now: float) -> list[tuple[int, int]]:
        """Mark runs as canceled; returns (pid, signal) to send to their groups."""
        runs = [run for run_id in run_ids if (run := self._by_id.get(run_id))]
        for run in runs:
            run.canceled = True
        return self._terminate(runs, now)

    def end_all(self, now: float, grace_limit: float | None = None) -> list[tuple[int, int]]:
        """TERM for every run, because its worker stops or is gone; grace at most the limit."""
        if grace_limit is not None:
            self._grace_limit = grace_limit
        for run in self.by_pid.values():
            run.lease_lost = True
        return self._terminate(self.by_pid.values(), now)

    def due(self, now: float) -> list[tuple[int, int]]:
        """(pid, signal) for the groups whose time has come. Each signal is given once."""
        late = [run for run in self.by_pid.values() if self._expire(run, now)]
        signals = self._terminate(late, now)
        for run in self.by_pid.values():
            if not run.killed and self._kill_at(run) <= now:
                run.killed = True
                signals.append((run.pid, signal.SIGKILL))
        return signals

    def next_due(self) -> float | None:
        """When ``due`` has something to say next, if nothing else happens."""
        times = [
            self._kill_at(run) if run.term_at is not None else self._term_due(run)
            for run in self.by_pid.values()
            if not run.killed
        ]
        soonest = min(times, default=float("inf"))
        return None if soonest == float("inf") else soonest

    def _terminate(self, runs: Iterable[LivingRun], now: float) -> list[tuple[int, int]]:
        fresh = [run for run in runs if run.term_at is None]
        for run in fresh:
            run.term_at = now
        return [(run.pid, signal.SIGTERM) for run in fresh]

    def _expire(self, run: LivingRun, now: float) -> bool:
        if run.term_at is not None:
            return False
        run.timed_out = self._timeout_at(run) <= now
        run.lease_lost = not run.timed_out and self._lease_term_at(run) <= now
        return run.timed_out or run.lease_lost

    def _term_due(self, run: LivingRun) -> float:
        return min(self._timeout_at(run), self._lease_term_at(run))

    def _timeout_at(self, run: LivingRun) -> float:
        limit = run.spec.timeout_seconds
        return float("inf") if limit is None else run.started_at + limit

    def _lease_term_at(self, run: LivingRun) -> float:
        return self._lease_end() - min(run.spec.kill_grace_seconds, self._lease_grace)

    def _kill_at(self, run: LivingRun) -> float:
        if run.term_at is None:
            return self._lease_end()
        grace = run.spec.kill_grace_seconds
        if self._grace_limit is not None:
            grace = min(grace, self._grace_limit)
        return min(run.term_at + grace, self._lease_end())

    def _lease_end(self) -> float:
        return float("inf") if self.deadline is None else self.deadline
