"""Which runs are late: what should page somebody at night.

A run that is due and has not started is late when the cluster *lacks* what it needs: a worker, room
on one, a leader that assigns. It is not late while somebody *asked* that it waits, by an act (a
pause, a quarantine) or by what the job and the settings say (upstreams, start cap, retry budget,
``max_parallel``, ``replace``): whoever is woken by that can only find that all is as configured.

What stands behind such a wait has a voice of its own: quarantine, pause and a spent retry budget
are alerts; an upstream, or the run that holds a place of ``max_parallel``, ends by its own time
limit and is then told; and the waiting runs are counted by reason.
"""

from scheduler.domain.values import Reason

HELD_ON_PURPOSE = frozenset(
    {
        Reason.WAIT_PAUSED,
        Reason.WAIT_QUARANTINED,
        Reason.WAIT_UPSTREAM,
        Reason.WAIT_START_CAP,
        Reason.WAIT_RETRY_BUDGET,
        Reason.WAIT_MAX_PARALLEL,
        Reason.WAIT_REPLACE,
    }
)
"""Somebody asked for these waits."""

LACKING = frozenset(
    {
        Reason.WAIT_NO_WORKER,
        Reason.WAIT_NO_QUEUE,
        Reason.WAIT_NO_LABEL,
        Reason.WAIT_NO_CAPABILITY,
        Reason.WAIT_CAPACITY,
        Reason.WAIT_REPLAY,
    }
)
"""Something is missing. So it is where no reason was told yet, and after a worker was lost."""
