"""Who leads, carried out: watch, take over, renew, and stop (the rules: ``domain.elections``).

::

                     +--------------------- watch <----------------------+
                     |  evidence that the leader is gone, and my rank    |
                     v                                                   |
    gate (Redis) -> bump (RDB, compare and set) -> establish -> lead --> revoke
                                                                 |         ^
                                       renew leader_seen_at -----+         |
              trust ran out | StaleEpoch | handed over | lease lost | timeline changed

The RDB issues the epoch and is the only proof of leadership. Redis is the gate that keeps
contenders apart and the bell that wakes them; every answer of it may be missing. ``establish``
and ``revoke`` are mirror images: what one starts, the other stops.
"""

from collections.abc import Callable
from threading import Event
from typing import Protocol
from uuid import UUID

import structlog

from scheduler.domain import elections
from scheduler.domain.elections import BeatWatch, Cause, Decision, ElectionTimings, Observation
from scheduler.domain.errors import DatabaseUnavailable, RedisUnavailable, StaleEpoch
from scheduler.domain.replaying import settled_at
from scheduler.domain.values import ClusterView, Role
from scheduler.ports import Bell, Clock, ClusterStore, LeaderLock, LeaseStore, WorkerLink
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Member, Term

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.2
READ_SECONDS = 1.0
FAILED_TICK_SECONDS = 1.0
FAILED_TICKS_IN_A_ROW = 5
"""After so many another worker leads: what fails here may go well there."""
PROBE_AFTER_STILL_SECONDS = 0.3


class Duties(Protocol):
    """What a leader does (``runtime.engine``)."""

    def establish(self, term: Term, gone: str | None) -> None: ...

    def tick(self, term: Term, view: ClusterView, now: float) -> float: ...

    def revoke(self) -> None: ...


class Leadership:
    """One worker's part in the election, ticked by one thread, which is also the leader's
    writer thread: order, batching and fence in one place."""

    def __init__(
        self,
        member: Member,
        cluster: ClusterStore,
        leases: LeaseStore,
        lock: LeaderLock,
        link: WorkerLink,
        bell: Bell,
        clock: Clock,
        duties: Duties,
        config: Callable[[], RuntimeConfig],
        new_term_id: Callable[[], UUID],
        wake: Event,
    ) -> None:
        self._member, self._cluster, self._leases = member, cluster, leases
        self._lock, self._link, self._bell, self._clock = lock, link, bell, clock
        self._duties, self._config, self._new_term_id = duties, config, new_term_id
        self._wake = wake
        self.term: Term | None = None
        self._view: ClusterView | None = None
        self._read_at = 0.0
        self._read_due_at = 0.0
        self._rank: int | None = None
        self._beats = BeatWatch()
        self._refused = False
        self._renew_at = 0.0
        self._timeline: int | None = None
        self._deposed: StaleEpoch | None = None
        self._leave_office = ""
        self._failed_ticks = 0

    # ------------------------------------------------------------- called from other threads

    def look_now(self) -> None:
        """The election bell rang: read the cluster row at once."""
        self._read_due_at = 0.0
        self._renew_at = min(self._renew_at, self._clock.boottime())
        self._wake.set()

    def depose(self, error: StaleEpoch) -> None:
        """Somebody has seen a newer epoch than mine."""
        self._member.see_epoch(error.current)
        term = self.term
        if term is not None and error.mine < term.epoch:
            return  # the answer to a call of an earlier term of mine
        self._deposed = error
        self._wake.set()

    def hand_over(self, why: str) -> None:
        """Leave office in good order at the next tick, if in office."""
        self._leave_office = why
        self._wake.set()

    # ------------------------------------------------------------------------------ the tick

    def tick(self, now: float) -> float:
        """Returns when the next tick is due."""
        if self.term is not None:
            return self._lead(self.term, now)
        self._leave_office = ""
        if not self._member.joined or self._member.stopping:
            return now + self._config().watch_seconds
        try:
            return self._watch(now)
        except DatabaseUnavailable as error:
            log.warning("cluster_unreadable", reason=str(error))
            return now + READ_SECONDS

    # --------------------------------------------------------------------------------- watch

    def _watch(self, now: float) -> float:
        if now >= self._read_due_at or self._view is None:
            self._read(now)
        assert self._view is not None
        self._listen_for_beats(self._view, now)
        seen = Observation(self._view, self._read_at, self._refused, self._beats)
        decision = elections.should_take_over(seen, self._rank, self._timings(), now)
        if decision.cause is not None and self._still_so(decision, now):
            return self._take_over(decision.cause, now)
        return min(now + self._config().watch_seconds, self._read_due_at)

    def _timings(self) -> ElectionTimings:
        config = self._config()
        return ElectionTimings(
            leader_stale_seconds=config.leader_stale_seconds,
            look_again_seconds=config.watch_seconds,
        )

    def _read(self, now: float) -> None:
        self._read_due_at = now + READ_SECONDS
        asked_at = self._clock.boottime()
        view = self._cluster.read()
        self._clock.observe(view.db_now, asked_at, self._clock.boottime())
        self._member.see_timeline(view.timeline, now)
        self._leases.expect_timeline(view.timeline)
        workers = self._leases.live()
        me = self._member.worker_id
        if view.leader_worker_id != self._member.leader_worker_id:
            log.info("leader_seen", leader_worker_id=view.leader_worker_id, epoch=view.epoch)
            self._beats, self._refused = BeatWatch(), False
        self._view, self._read_at = view, now
        self._member.leader_worker_id = view.leader_worker_id
        self._member.see_epoch(view.epoch)
        self._rank = elections.rank_of(me, workers, view)
        self._member.role = Role.SUBLEADER if view.subleader_worker_id == me else Role.WORKER

    def _listen_for_beats(self, view: ClusterView, now: float) -> None:
        try:
            lock = self._lock.view()
        except RedisUnavailable:
            self._beats, self._refused = BeatWatch(), False
            return
        self._beats = self._beats.saw((lock.holder, lock.beats), now)
        self._refused = (
            self._rank is not None
            and self._beats.still_for_seconds >= PROBE_AFTER_STILL_SECONDS
            and bool(view.leader_address)
            and self._link.is_refusing(view.leader_address)
        )

    def _still_so(self, decision: Decision, now: float) -> bool:
        """Decide once more on a fresh reading: the old one may be a second old."""
        if self._read_at < now:
            self._read(now)
        assert self._view is not None
        seen = Observation(self._view, self._read_at, self._refused, self._beats)
        again = elections.should_take_over(seen, self._rank, self._timings(), now)
        return again.cause is decision.cause and self._through_the_gate(self._view)

    def _through_the_gate(self, view: ClusterView) -> bool:
        """Redis keeps contenders apart: the lock is mine, or the old leader's, or unknown."""
        try:
            if self._lock.acquire(self._member.worker_id, self._config().lock_ttl_seconds):
                return True
            holder = self._lock.view().holder
            return holder is None or holder == view.leader_worker_id
        except RedisUnavailable:
            return True

    def _take_over(self, cause: Cause, now: float) -> float:
        view, config = self._view, self._config()
        assert view is not None
        epoch = elections.next_epoch(view.epoch, self._mirrored_epoch(), self._member.newest_epoch)
        term_id, asked_at = self._new_term_id(), self._clock.boottime()
        won = self._cluster.bump(
            seen_epoch=view.epoch,
            new_epoch=epoch,
            term_id=term_id,
            worker_id=self._member.worker_id,
            address=self._member.facts.grpc_address,
            trust_seconds=_trust_on_record(view, config.trust_seconds),
            flaps=elections.flaps_after(view),
        )
        self._read_due_at = 0.0
        if not won:
            log.info("take_over_lost", seen_epoch=view.epoch, cause=str(cause))
            return now
        inherited = max(view.trust_seconds, config.trust_seconds)
        # Rights that grow with a term's age count from after the bump, trust from before it.
        term = Term(epoch, term_id, self._member.worker_id, self._clock.boottime(), inherited)
        term.trust_seconds = config.trust_seconds
        term.renewed(asked_at, config.trust_seconds, config.trust_margin_seconds)
        term.quiet_until = settled_at(self._member.failed_over_at, config.heartbeat_seconds)
        self._establish(term, cause, view)
        return now

    def _mirrored_epoch(self) -> int | None:
        try:
            return self._lock.mirrored_epoch()
        except RedisUnavailable:
            return None

    # ------------------------------------------------------------------ establish and revoke

    def _establish(self, term: Term, cause: Cause, before: ClusterView) -> None:
        self.term = term
        self._deposed, self._leave_office, self._failed_ticks = None, "", 0
        self._renew_at, self._timeline = 0.0, None
        self._member.role = Role.LEADER
        self._member.leader_worker_id = self._member.worker_id
        self._member.see_epoch(term.epoch)
        log.info(
            "leadership_established",
            worker_id=self._member.worker_id,
            epoch=term.epoch,
            cause=str(cause),
        )
        try:
            ttl = self._config().lock_ttl_seconds
            self._lock.replace(self._member.worker_id, term.epoch, ttl)
            self._lock.mirror_epoch(term.epoch)
        except RedisUnavailable as error:
            log.warning("leader_lock_unavailable", reason=str(error))
        self._duties.establish(term, before.leader_worker_id if cause is Cause.REFUSED else None)
        self._bell.ring("election")

    def _revoke(self, why: str, *, planned: bool = False) -> None:
        term, self.term = self.term, None
        assert term is not None
        self._duties.revoke()
        self._member.role = Role.WORKER
        self._beats, self._refused = BeatWatch(), False
        self._read_due_at = 0.0
        (log.info if planned else log.warning)("leadership_revoked", epoch=term.epoch, why=why)
        try:
            self._lock.release(term.command.leader_worker_id)
        except RedisUnavailable as error:
            log.info("leader_lock_not_released", reason=str(error))

    def _release(self, term: Term, why: str) -> None:
        """Graceful hand-over: the SubLeader need not wait for anything."""
        try:
            self._cluster.release(term.fence)
        except (StaleEpoch, DatabaseUnavailable) as error:
            log.warning("term_not_released", reason=str(error))
        self._revoke(why, planned=True)
        self._bell.ring("election")

    # ---------------------------------------------------------------------------------- lead

    def _lead(self, term: Term, now: float) -> float:
        why = self._reason_to_stop(term, now)
        if why:
            self._revoke(why)
            return now
        if self._leave_office:
            self._release(term, self._leave_office)
            return now + RETRY_SECONDS
        try:
            view = self._renew(term, now) if now >= self._renew_at else self._view
            if view is None or self._leave_office:
                return now
            wake_at = min(self._renew_at, self._duties.tick(term, view, now))
        except StaleEpoch as error:
            self.depose(error)
            return now
        except DatabaseUnavailable as error:
            log.warning("leader_store_unavailable", reason=str(error))
            return now + RETRY_SECONDS
        except Exception:
            return self._duties_failed(term, now)
        self._failed_ticks = 0
        return wake_at

    def _duties_failed(self, term: Term, now: float) -> float:
        self._failed_ticks += 1
        log.exception("leader_tick_failed", epoch=term.epoch, failures_in_a_row=self._failed_ticks)
        if self._failed_ticks >= FAILED_TICKS_IN_A_ROW:
            self._leave_office = f"its duties failed {self._failed_ticks} times in a row"
            return now
        return min(self._renew_at, now + FAILED_TICK_SECONDS)

    def _reason_to_stop(self, term: Term, now: float) -> str:
        if self._deposed is not None:
            return str(self._deposed)
        if not term.trusted(now):
            return "no renewal was committed in time; this leader no longer trusts itself"
        if term.command.leader_worker_id != self._member.worker_id or not self._member.joined:
            return "the worker that leads lost its own lease"
        return ""

    def _renew(self, term: Term, now: float) -> ClusterView:
        config, asked_at = self._config(), self._clock.boottime()
        view = self._cluster.renew(term.fence)
        self._clock.observe(view.db_now, asked_at, self._clock.boottime())
        term.renewed(asked_at, term.trust_seconds, config.trust_margin_seconds)
        self._view, self._renew_at = view, now + config.leader_heartbeat_seconds
        if view.degrade_requested:
            self._leave_office = "an operator degraded this leader"
        self._watch_timeline(view)
        return view

    def _watch_timeline(self, view: ClusterView) -> None:
        """A term lives on one timeline: on another, some of what it wrote may never have been."""
        self._member.see_timeline(view.timeline, self._clock.boottime())
        known, self._timeline = self._timeline, view.timeline
        if known is not None and view.timeline != known:
            self._leave_office = f"the database failed over (timeline {known} to {view.timeline})"


def _trust_on_record(view: ClusterView, trust_seconds: float) -> float:
    """What the row says of trust: the longest that anybody may still trust itself by it.

    A leader before this one may have trusted itself for longer than the settings say now.
    """
    age = view.leader_seen_age_seconds
    if age is None or age > view.trust_seconds:
        return trust_seconds
    return max(trust_seconds, view.trust_seconds)


class LockBeater:
    """The leader's beat in Redis, several times a second, on a thread of its own: what it
    proves is that this process lives, so it must not wait for the RDB."""

    def __init__(
        self,
        leadership: Leadership,
        lock: LeaderLock,
        clock: Clock,
        config: Callable[[], RuntimeConfig],
    ) -> None:
        self._leadership, self._lock, self._clock = leadership, lock, clock
        self._config = config
        self._away = False

    def tick(self, now: float) -> float:
        """One beat while leading and trusted."""
        term, config = self._leadership.term, self._config()
        if term is not None and term.trusted(now):
            try:
                me = term.command.leader_worker_id
                held = self._lock.renew(me, term.epoch, config.lock_ttl_seconds)
                # A contender took the free lock; only one of a newer epoch may keep it.
                if not held and not self._lock.replace(me, term.epoch, config.lock_ttl_seconds):
                    self._leadership.look_now()
                self._away = False
            except RedisUnavailable as error:
                if not self._away:
                    log.warning("leader_beat_failed", reason=str(error))
                self._away = True
        return now + config.lock_beat_seconds
