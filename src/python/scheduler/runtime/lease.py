"""The worker's side of its run lease: renew it, and give up first (DESIGN: worker loss).

::

    outside --register--> joined --renewal or echoed nonce--> joined
                            |
                            +-- D passed, or the row is no longer LIVE --> killing
    killing --no process left--> outside, under a new worker id

The process host has the deadline too and kills by itself: this code may be stopped.
"""

from collections.abc import Callable
from threading import Lock

import structlog

from scheduler.domain.errors import DatabaseUnavailable, WorkerNotFound
from scheduler.ports import Bell, Clock, LeaseStore, ProcessHost
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.member import Member

log = structlog.get_logger(__name__)

KILL_POLL_SECONDS = 0.05


class LeaseKeeper:
    """Keeps this worker's lease row alive; rejoins under a new id when it could not."""

    def __init__(
        self,
        member: Member,
        leases: LeaseStore,
        host: ProcessHost,
        clock: Clock,
        bell: Bell,
        config: Callable[[], RuntimeConfig],
        abandon: Callable[[], None],
    ) -> None:
        self._member, self._leases, self._host, self._clock = member, leases, host, clock
        self._bell, self._config, self._abandon = bell, config, abandon
        self._pushing = Lock()
        self._killing = self._ending = False
        self._pushed = 0.0

    def tick(self, now: float) -> float:
        """One step; returns when the next is due."""
        if self._killing:
            return self._finish_killing(now)
        if not self._member.joined:
            return self._register(now)
        if self._member.deadline.must_kill(now):
            return self._give_up(now, "the lease ran out")
        return self._renew(now)

    def push_deadline(self) -> None:
        """Hand the newest deadline to the process host (also after an echoed nonce)."""
        with self._pushing:
            deadline = self._member.deadline.at
            if self._member.joined and deadline > self._pushed and not self._ending:
                self._pushed = deadline
                self._host.set_deadline(deadline)

    def end_runs(self, now: float) -> None:
        """End what runs here, for good: no later answer gives it more time."""
        with self._pushing:
            self._ending = True
            self._host.set_deadline(now)

    def leave(self) -> None:
        """A clean stop with no run left."""
        worker_id = self._member.worker_id
        self._member.leave()
        self._leases.leave(worker_id)
        self._bell.ring("workers")
        log.info("worker_left", worker_id=worker_id)

    def _register(self, now: float) -> float:
        asked_at = self._clock.boottime()
        try:
            answer = self._leases.register(
                self._member.facts, replayed_timeline=self._member.replayed_timeline
            )
        except DatabaseUnavailable as error:
            log.warning("worker_register_delayed", reason=str(error))
            return now + self._config().heartbeat_seconds
        except WorkerNotFound:
            # Registered, but the answer was lost, and that life has been ended meanwhile.
            self._member.rename()
            return now
        self._clock.observe(answer.db_now, asked_at, self._clock.boottime())
        self._member.join(asked_at, answer)
        self.push_deadline()
        self._bell.ring("workers")
        log.info("worker_joined", worker_id=self._member.worker_id, epoch=answer.epoch)
        return now + self._config().lease_renew_seconds

    def _renew(self, now: float) -> float:
        asked_at = self._clock.boottime()
        try:
            answer = self._leases.renew(self._member.worker_id, open_runs=len(self._host.running()))
        except DatabaseUnavailable as error:
            left = self._member.deadline.at - now
            log.warning(
                "lease_renewal_failed", reason=str(error), lease_left_seconds=round(left, 1)
            )
            return now + self._config().heartbeat_seconds
        if answer is None:
            return self._give_up(now, "the cluster counts this worker as lost")
        self._clock.observe(answer.db_now, asked_at, self._clock.boottime())
        self._member.learn(answer, asked_at)
        self.push_deadline()
        return now + self._config().lease_renew_seconds

    def _give_up(self, now: float, why: str) -> float:
        log.error("worker_lease_lost", worker_id=self._member.worker_id, why=why)
        with self._pushing:
            self._member.leave()
            self._abandon()
            self._host.set_deadline(now)
        self._killing = True
        return now

    def _finish_killing(self, now: float) -> float:
        if self._host.running():
            return now + KILL_POLL_SECONDS
        with self._pushing:
            self._killing, self._pushed = False, 0.0
        self._member.rename()
        return now
