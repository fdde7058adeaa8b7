"""Waiting on the terminal until a run has ended."""

from collections.abc import Callable
from time import monotonic, sleep
from uuid import UUID

from scheduler.models import RunRequest
from scheduler.queries.cluster import cluster_status
from scheduler.queries.runs import RunView, explanation, next_attempt, run_view

POLL_SECONDS = 0.1
NOBODY_SECONDS = 3.0

Say = Callable[[str], object]


class TimedOut(Exception):
    """The time to wait is over; the sentence says how things stand."""


class Watch:
    """Looks ten times a second; ``say`` gets one line per change worth telling."""

    def __init__(self, timeout_seconds: float | None, say: Say) -> None:
        self._began, self._timeout, self._say = monotonic(), timeout_seconds, say
        self._told_of_nobody = False

    def taken(self, request_id: UUID) -> UUID:
        """The run that the leader made of a request. Raises TimedOut."""
        while True:
            run_id = RunRequest.objects.values_list("run_id", flat=True).get(pk=request_id)
            if run_id is not None:
                return run_id
            self._tell_of_nobody()
            self._pause("the leader has not taken the request yet")

    def ended(self, run_id: UUID) -> RunView:
        """The last attempt of the run's slot, ended. Raises TimedOut."""
        run = run_view(run_id)
        state = None
        while run is not None:
            if run.state != state:
                state = run.state
                self._say(told(run))
            if run.finished:
                again = next_attempt(run)
                if again is None and run.retry_due_at is None:
                    return run
                run = again or run
            else:
                self._tell_of_nobody()
            self._pause(f"run {run.run_id} is {run.state}{_because(run)}")
            run = run_view(run.run_id)
        raise TimedOut(f"run {run_id} is gone; it was purged")

    def _pause(self, standing: str) -> None:
        if self._timeout is not None and monotonic() - self._began >= self._timeout:
            raise TimedOut(f"after {self._timeout:g} s {standing}")
        sleep(POLL_SECONDS)

    def _tell_of_nobody(self) -> None:
        if self._told_of_nobody or monotonic() - self._began < NOBODY_SECONDS:
            return
        self._told_of_nobody = True
        status = cluster_status()
        if not status.has_leader:
            self._say("No leader takes the request: start a worker (manage.py scheduler_worker).")
        elif status.paused:
            self._say("The cluster is paused: nothing starts until it is resumed.")


def told(run: RunView) -> str:
    """One line about a run as it is now."""
    parts = [f"{run.job_name} {run.run_id} attempt {run.attempt}: {run.state}{_because(run)}"]
    if run.exit_code is not None:
        parts.append(f"exit code {run.exit_code}")
    if run.duration_seconds is not None:
        parts.append(f"{run.duration_seconds:.3f} s")
    if run.worker_id and not run.finished:
        parts.append(f"on {run.worker_id}")
    return ", ".join(parts)


def _because(run: RunView) -> str:
    reason = ": ".join(filter(None, [run.reason, explanation(run.run_id)]))
    return f" ({reason})" if reason else ""
