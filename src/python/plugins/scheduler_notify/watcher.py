"""The leader's service that asks: which runs are late, which failing jobs work again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from scheduler.queries.clock import cluster_now
from scheduler.queries.run_facts import first_success_after, runs_not_started
from scheduler_notify import store
from scheduler_notify.calendars import OpeningHours
from scheduler_notify.database import with_fresh_connection
from scheduler_notify.intake import late_messages, recovered
from scheduler_notify.router import who_hears
from scheduler_notify.settings import NotifySettings

POLL_SECONDS = 15.0
RUNS_AT_ONCE = 500
JOBS_AT_ONCE = 100


@dataclass(slots=True)
class Watcher:
    """Looks through late runs and failing jobs, a page at a time, so that a round costs the same
    however many there are; what it finds twice is told once."""

    settings: Callable[[], NotifySettings]
    clock: Callable[[], datetime] = cluster_now
    _late_after: tuple[datetime, UUID] | None = field(default=None, init=False)
    _failing_after: int = field(default=0, init=False)

    @with_fresh_connection
    def tick(self) -> float:
        """One round; the seconds until the next."""
        now = self.clock()
        more = [self._watch_late_runs(now), self._watch_failing_jobs(now)]
        return 1.0 if any(more) else POLL_SECONDS

    def _watch_late_runs(self, now: datetime) -> bool:
        """Whether there are more than were looked at."""
        seconds = self.settings().notify_late_after_seconds
        if not seconds:
            return False
        due_before = now - timedelta(seconds=seconds)
        late = runs_not_started(due_before, after=self._late_after, limit=RUNS_AT_ONCE)
        store.keep(late_messages(late, now))
        more = len(late) == RUNS_AT_ONCE
        self._late_after = (late[-1].due_at, late[-1].run_id) if more else None
        return more

    def _watch_failing_jobs(self, now: datetime) -> bool:
        """Whether there are more than were looked at."""
        jobs = store.failing_jobs(self._failing_after, JOBS_AT_ONCE)
        successes = first_success_after(
            {job.definition_id: (job.last_run_id, job.last_failed_at) for job in jobs}
        )
        hours = OpeningHours(now)
        for job in jobs:
            if success := successes.get(job.definition_id):
                message = recovered(job.job, job.since, job.failures, success)
                where = who_hears(message, job.heard, self.settings(), hours)
                store.recover(job, message, where, now)
        more = len(jobs) == JOBS_AT_ONCE
        self._failing_after = jobs[-1].definition_id if more else 0
        return more
