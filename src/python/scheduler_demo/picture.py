"""What the screen shows, asked of the scheduler's own read side."""

from dataclasses import dataclass

from scheduler.domain.values import RunState
from scheduler.queries.cluster import ClusterStatus, cluster_status
from scheduler.queries.runs import DueView, RunView, due_next, recent_runs, runs_by_state
from scheduler_demo.archived import newest_archived

_BEGUN = frozenset(RunState) - {RunState.PENDING, RunState.ASSIGNED}

# A job that is due each second must not hide the others.
_DUE_READ = 100


@dataclass(frozen=True, slots=True)
class Picture:
    """A moment of the cluster. ``recent`` has the newest run first; ``due`` the soonest slot of
    each job, soonest first. At ``archived_log`` a browser finds the log of one of the newest runs;
    None where no log is archived."""

    status: ClusterStatus
    archived_log: str | None
    states: dict[RunState, int]
    recent: list[RunView]
    due: list[DueView]


def take_picture(*, recent: int, due: int = 6) -> Picture:
    """The cluster as it is now; so many runs and slots at most. Needs Django set up."""
    by_job: dict[str, DueView] = {}
    for view in due_next(_DUE_READ):
        by_job.setdefault(view.job_name, view)
    return Picture(
        status=cluster_status(),
        archived_log=newest_archived(),
        states=runs_by_state(),
        recent=recent_runs(recent, states=_BEGUN),
        due=list(by_job.values())[:due],
    )
