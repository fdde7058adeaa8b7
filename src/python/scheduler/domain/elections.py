"""Who leads, decided from observations: the rules of taking over and of giving up.

The promise: a *wrong* take-over is harmless, because every leader write carries the epoch and
the RDB fences the older one. So these rules may be fast; what they must be is calm (no
take-over from a healthy leader) and ordered (one contender at a time).

The authority is the cluster row in the RDB. Its ``leader_seen_at`` is the only thing that keeps
a leader's trust alive; the beats of the Redis lock are news, good for one thing: to see within
half a second that a leader whose port refuses connections is really gone.

::

                       nobody ever led --------------------------> FIRST
                       released (graceful hand-over) ------------> RELEASED
    a leader leads --- refuses AND beats still for 0.5 s --------> REFUSED   } held off after
                       RDB has not seen it for stale seconds ----> SILENT    } a recent flap

The SubLeader acts at once on each of these; every other worker waits ``rank_step_seconds`` more
for each worker before it in the order of succession, and so only acts when those are gone too.
An observation counts as of the moment it was read: silence of *my* line to the RDB is never
taken for silence of the leader.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from scheduler.domain.values import ClusterView, DesiredMode, LeaseState, WorkerView

HEALTHY_TERM_SECONDS = 60.0
"""A term that lasted this long was no flap."""

MAX_HOLD_OFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ElectionTimings:
    """What contenders wait for, all in seconds."""

    leader_stale_seconds: float = 4.0
    """Silence in the RDB after which the SubLeader takes over."""
    still_seconds: float = 0.5
    """How long the renewal counter (every 250 ms) must stand still beside a refused connection."""
    rank_step_seconds: float = 1.0
    """How much longer each further worker in the order of succession waits."""
    look_again_seconds: float = 0.25


# ------------------------------------------------------------------------------------ succession


def successors(workers: Sequence[WorkerView], leader_worker_id: str | None) -> list[str]:
    """The ids of those who may follow the leader, best first.

    One preference score: not in doubt, then on another node than the leader's, then the oldest
    (then by id, so that all workers find the same order). Workers that an operator drains or
    detaches do not stand, nor does the leader itself.
    """
    leader_node = next(
        (w.facts.node_id for w in workers if w.facts.worker_id == leader_worker_id), None
    )

    def preference(worker: WorkerView) -> tuple[bool, bool, float, str]:
        same_node = worker.facts.node_id == leader_node
        registered = worker.registered_at.timestamp()
        return (worker.suspect, same_node, registered, worker.facts.worker_id)

    standing = [w for w in workers if _may_lead(w) and w.facts.worker_id != leader_worker_id]
    return [w.facts.worker_id for w in sorted(standing, key=preference)]


def subleader_of(workers: Sequence[WorkerView], leader_worker_id: str | None) -> str | None:
    """The id of the designated successor; None when nobody can succeed."""
    return next(iter(successors(workers, leader_worker_id)), None)


def rank_of(me: str, workers: Sequence[WorkerView], cluster: ClusterView) -> int | None:
    """My place in the order of succession: 0 acts first, None does not stand.

    The SubLeader on record is first. Whoever led last (and was degraded, or gave up) is last.
    """
    if not any(w.facts.worker_id == me and _may_lead(w) for w in workers):
        return None
    order = successors(workers, cluster.leader_worker_id)
    if cluster.subleader_worker_id in order:
        order.sort(key=lambda worker_id: worker_id != cluster.subleader_worker_id)
    return order.index(me) if me in order else len(order)


def _may_lead(worker: WorkerView) -> bool:
    return worker.state is LeaseState.LIVE and worker.desired is DesiredMode.ACTIVE


# ------------------------------------------------------------------------------------- take-over


class Cause(StrEnum):
    """Why a worker takes over."""

    FIRST = "first"
    RELEASED = "released"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class BeatWatch:
    """How long the leader's renewal counter has stood still, as I have *seen* it (boottimes).

    Two looks at the same value are needed to see it still; a look that failed (Redis away)
    starts over from nothing: ``BeatWatch()``.
    """

    value: Hashable = None
    first_seen_at: float | None = None
    last_seen_at: float | None = None

    def saw(self, value: Hashable, now: float) -> "BeatWatch":
        """After reading ``value`` (holder and beats of the lock; an empty lock is a value too)."""
        if self.first_seen_at is None or value != self.value:
            return BeatWatch(value, now, now)
        return BeatWatch(value, self.first_seen_at, now)

    @property
    def still_for_seconds(self) -> float:
        if self.first_seen_at is None or self.last_seen_at is None:
            return 0.0
        return self.last_seen_at - self.first_seen_at


@dataclass(frozen=True, slots=True)
class Observation:
    """What a contender knows. ``cluster`` was read from the RDB at ``read_at`` (boottime)."""

    cluster: ClusterView
    read_at: float
    refused: bool = False
    """The last connection to the address of ``cluster``'s leader was refused by its host."""
    beats: BeatWatch = BeatWatch()


@dataclass(frozen=True, slots=True)
class Decision:
    """Bump now because of ``cause``; or (cause None) look again at boottime ``wait_until``."""

    wait_until: float
    cause: Cause | None = None

    @property
    def bump(self) -> bool:
        return self.cause is not None


def should_take_over(
    seen: Observation, rank: int | None, timings: ElectionTimings, now: float
) -> Decision:
    """Decide for the contender of this ``rank`` (see rank_of) at boottime ``now``.

    Never asked of the leader itself. A decision to bump still has to win the compare-and-set of
    the epoch in ``seen.cluster``.
    """
    cause = None if rank is None else _evidence(seen, rank * timings.rank_step_seconds, timings)
    if cause is None:
        return Decision(now + timings.look_again_seconds)
    if cause in (Cause.REFUSED, Cause.SILENT) and now < (held_until := _held_until(seen)):
        return Decision(held_until)
    return Decision(now, cause)


def _evidence(seen: Observation, patience: float, timings: ElectionTimings) -> Cause | None:
    if seen.cluster.term_id is None:
        return Cause.FIRST
    silence = _silence(seen.cluster)
    if seen.cluster.released and silence >= patience:
        return Cause.RELEASED
    if seen.refused and seen.beats.still_for_seconds >= timings.still_seconds + patience:
        return Cause.REFUSED
    return Cause.SILENT if silence > timings.leader_stale_seconds + patience else None


def _silence(cluster: ClusterView) -> float:
    """Seconds without a sign of the leader; a term that never renewed counts from its start."""
    ages = (cluster.leader_seen_age_seconds, cluster.term_age_seconds)
    return min((age for age in ages if age is not None), default=inf)


def _held_until(seen: Observation) -> float:
    return (
        seen.read_at + hold_off_seconds(seen.cluster.flaps) - (seen.cluster.term_age_seconds or 0.0)
    )


def hold_off_seconds(flaps: int) -> float:
    """How old a term must be before it may be taken over, after ``flaps`` short terms in a row.

    0, 1, 2, 4, 8 ... seconds, at most 60: the first take-over is always immediate.
    """
    if flaps <= 0:
        return 0.0
    return float(min(2.0 ** min(flaps - 1, 16), MAX_HOLD_OFF_SECONDS))


def flaps_after(cluster: ClusterView) -> int:
    """The number of flaps to write with the bump that ends the term in ``cluster``.

    A term that was cut short counts one more; one that lasted HEALTHY_TERM_SECONDS clears the
    count; a graceful release neither counts nor clears.
    """
    if cluster.term_id is None or (cluster.term_age_seconds or 0.0) >= HEALTHY_TERM_SECONDS:
        return 0
    return cluster.flaps if cluster.released else cluster.flaps + 1


def next_epoch(rdb: int, redis_mirror: int | None, newest_seen: int | None) -> int:
    """The epoch of a new term: above what the RDB, Redis' mirror and any worker have seen.

    The RDB issues epochs; the other two matter only after it was restored from a backup.
    """
    return max(rdb, redis_mirror or 0, newest_seen or 0) + 1


# ------------------------------------------------------------------------------- the leader's side


@dataclass(frozen=True, slots=True)
class Trust:
    """Until when a leader may trust that it still leads (boottime); checked before each act.

    Only a committed ``leader_seen_at`` in the RDB extends it, counted from when it was asked.
    """

    until: float

    @classmethod
    def since(cls, asked_at: float, trust_seconds: float, margin_seconds: float) -> "Trust":
        """``trusted_until = asked_at + trust - margin``."""
        return cls(asked_at + trust_seconds - margin_seconds)

    def renewed(self, asked_at: float, trust_seconds: float, margin_seconds: float) -> "Trust":
        """After a renewal asked at ``asked_at`` was committed. It never moves backwards."""
        return Trust(max(self.until, asked_at + trust_seconds - margin_seconds))

    def holds(self, now: float) -> bool:
        return now < self.until
