"""What the screen shows, asked of the scheduler's own read side."""

from dataclasses import dataclass

from scheduler.domain.values import RunState
from scheduler.queries.cluster import ClusterStatus, cluster_status
from scheduler.queries.runs import DueView, RunView, due_next, recent_runs, runs_by_state

_BEGUN = frozenset(RunState) - {RunState.PENDING, RunState.ASSIGNED}


@dataclass(frozen=True, slots=True)
class Picture:
    """A moment of the cluster. ``recent`` has the newest run first, ``due`` the soonest."""

    status: ClusterStatus
    states: dict[RunState, int]
    recent: list[RunView]
    due: list[DueView]


def take_picture(*, recent: int = 14, due: int = 6) -> Picture:
    """The cluster as it is now; so many runs and slots. Needs Django set up."""
    return Picture(
        status=cluster_status(),
        states=runs_by_state(),
        recent=recent_runs(recent, states=_BEGUN),
        due=due_next(due),
    )
