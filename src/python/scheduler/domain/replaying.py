"""After a fail-over of the RDB: whom the cluster waits for before it starts anything.

A fail-over to an asynchronous standby loses the newest commits: a claim, say, whose process is
running. Each worker journals its claims and finishes and writes them again on the new timeline.
Until the last has, a row that says PENDING or ASSIGNED may be a run that is under way: nothing is
assigned, claimed, retried or orphaned. A worker that cannot replay is waited for until its lease
is LOST (``domain.liveness``): then it has killed its runs.
"""

from collections.abc import Sequence

from scheduler.domain.values import LeaseState, WorkerView

SETTLE_HEARTBEATS = 3
"""So many heartbeats after the fail-over at the least: a worker whose very lease row was lost
finds that out with its next try to renew it, and kills its runs."""


def settled_at(failed_over_at: float | None, heartbeat_seconds: float) -> float:
    """From when on (boottime) the count of workers is to be believed; 0.0 without a fail-over."""
    if failed_over_at is None:
        return 0.0
    return failed_over_at + SETTLE_HEARTBEATS * heartbeat_seconds


def awaited(workers: Sequence[WorkerView], timeline: int) -> list[str]:
    """The ids of the LIVE workers that have not replayed up to ``timeline``, in the order given.

    0 stands for a worker of a version that keeps no journal: nobody waits for it.
    """
    return [
        worker.facts.worker_id
        for worker in workers
        if worker.state is LeaseState.LIVE and worker.replayed_timeline not in (0, timeline)
    ]


def given_up(workers: Sequence[WorkerView], timeline: int) -> set[str]:
    """Those awaited whose lease row stood still for longer than lease and margin: they do not
    reach the RDB. The leader pings them no more, so that their leases end and the cluster goes
    on."""
    behind = set(awaited(workers, timeline))
    return {
        worker.facts.worker_id
        for worker in workers
        if worker.facts.worker_id in behind
        and worker.renewed_age_seconds > worker.facts.lease_seconds + worker.facts.margin_seconds
    }
