"""A cluster row in memory and contenders around it, on one fake clock."""

from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event
from typing import Any, cast
from uuid import UUID, uuid4

from scheduler.domain.errors import DatabaseUnavailable, StaleEpoch
from scheduler.domain.values import (
    ClusterView,
    DesiredMode,
    Fence,
    LeaseAnswer,
    LeaseState,
    WorkerView,
)
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.leadership import Leadership, LockBeater
from scheduler.runtime.member import Member, Term
from scheduler.testing.redis import FakeLeaderLock, RedisLine, RedisState
from tests.unit.runtime.worlds import NOON, FakeClock, SilentBell, facts


class ClusterRow:
    """The authority, as one object: compare-and-set, fence, ages by the same clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.epoch = 0
        self.term_id: UUID | None = None
        self.leader: str | None = None
        self.seen_at = self.term_at = 0.0
        self.released = False
        self.subleader: str | None = None
        self.flaps = 0
        self.trust_seconds = 10.0
        self.degrade = False
        self.timeline = 1
        self.members: list[WorkerView] = []

    def view(self) -> ClusterView:
        led = self.term_id is not None
        return ClusterView(
            epoch=self.epoch,
            term_id=self.term_id,
            leader_worker_id=self.leader,
            leader_address=f"{self.leader}:1" if self.leader else "",
            leader_seen_age_seconds=self.clock.at - self.seen_at if led else None,
            term_age_seconds=self.clock.at - self.term_at if led else None,
            released=self.released,
            subleader_worker_id=self.subleader,
            trust_seconds=self.trust_seconds,
            backend_pid=None,
            flaps=self.flaps,
            hold_seq=0,
            paused=False,
            config_revision=0,
            degrade_requested=self.degrade,
            db_now=self.clock.now(),
            timeline=self.timeline,
        )


class ClusterLine:
    """One contender's line to the row; ``cut`` takes it away."""

    def __init__(self, row: ClusterRow) -> None:
        self.row, self.cut = row, False

    def read(self) -> ClusterView:
        self._check()
        return self.row.view()

    def live(self) -> list[WorkerView]:
        self._check()
        return self.row.members

    def expect_timeline(self, timeline: int) -> None:
        """The row is one: it fails over with all that looks at it."""

    def bump(self, *, seen_epoch, new_epoch, term_id, worker_id, address, trust_seconds, flaps):
        self._check()
        row = self.row
        if row.epoch != seen_epoch:
            return False
        row.epoch, row.term_id, row.leader, row.flaps = new_epoch, term_id, worker_id, flaps
        row.seen_at = row.term_at = row.clock.at
        row.released = row.degrade = False
        row.trust_seconds = trust_seconds
        return True

    def renew(self, fence: Fence) -> ClusterView:
        self._fenced(fence)
        self.row.seen_at = self.row.clock.at
        return self.row.view()

    def release(self, fence: Fence) -> None:
        self._fenced(fence)
        self.row.released = True

    def name_subleader(self, fence: Fence, worker_id: str | None) -> None:
        self._fenced(fence)
        self.row.subleader = worker_id

    def _fenced(self, fence: Fence) -> None:
        self._check()
        if (fence.epoch, fence.term_id) != (self.row.epoch, self.row.term_id):
            raise StaleEpoch(fence.epoch, self.row.epoch, self.row.leader)

    def _check(self) -> None:
        if self.cut:
            raise DatabaseUnavailable("test", "cut")


class RecordingDuties:
    """The leader's work: writes down terms and ticks, and can fail like a fenced write."""

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self.gone: list[str | None] = []
        self.ticks = 0
        self.revoked = 0
        self.error: Exception | None = None

    def establish(self, term: Term, gone: str | None) -> None:
        self.terms.append(term)
        self.gone.append(gone)

    def tick(self, term: Term, view: ClusterView, now: float) -> float:
        self.ticks += 1
        if self.error is not None:
            raise self.error
        return now + 1.0

    def revoke(self) -> None:
        self.revoked += 1


class Ports:
    """Which leaders' ports refuse connections."""

    def __init__(self) -> None:
        self.refusing: set[str] = set()

    def is_refusing(self, address: str) -> bool:
        return address in self.refusing


@dataclass
class Contender:
    member: Member
    line: ClusterLine
    redis: RedisLine
    duties: RecordingDuties
    leadership: Leadership
    beater: LockBeater

    @property
    def leads(self) -> bool:
        return self.leadership.term is not None


class Election:
    """Contenders ``w-1`` (the first to join), ``w-2`` ...; ``pass_time`` ticks those that live."""

    def __init__(self, count: int = 2) -> None:
        self.clock = FakeClock()
        self.row, self.ports = ClusterRow(self.clock), Ports()
        self.redis = RedisState(now=lambda: self.clock.at)
        self.config = RuntimeConfig()
        self.everyone = [self._contender(f"w-{n}", n) for n in range(1, count + 1)]
        self.stopped: set[str] = set()

    def __getitem__(self, worker_id: str) -> Contender:
        return next(c for c in self.everyone if c.member.worker_id == worker_id)

    def kill(self, worker_id: str) -> None:
        """The process is gone: it ticks no more and its port refuses."""
        self.stopped.add(worker_id)
        self.ports.refusing.add(f"{worker_id}:1")

    def pause(self, worker_id: str) -> None:
        self.stopped.add(worker_id)

    def resume(self, worker_id: str) -> None:
        self.stopped.discard(worker_id)

    def leaders(self) -> list[str]:
        return [c.member.worker_id for c in self.everyone if c.leads]

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        until = self.clock.at + seconds
        while self.clock.at < until:
            self.clock.at += step
            for contender in self.everyone:
                if contender.member.worker_id not in self.stopped:
                    contender.leadership.tick(self.clock.at)
                    contender.beater.tick(self.clock.at)

    def seconds_until_leader(self, worker_id: str, limit: float = 30.0) -> float:
        began = self.clock.at
        while not self[worker_id].leads:
            assert self.clock.at - began < limit, f"{worker_id} does not lead within {limit} s"
            self.pass_time(0.05)
        return self.clock.at - began

    def _contender(self, worker_id: str, number: int) -> Contender:
        own = replace(facts(worker_id), node_id=f"node-{number}", grpc_address=f"{worker_id}:1")
        member = Member(own, lambda: f"{worker_id}-again")
        member.join(self.clock.at, LeaseAnswer(0, DesiredMode.ACTIVE, 0, 0, NOON))
        joined = NOON + timedelta(seconds=number)
        self.row.members.append(
            WorkerView(own, LeaseState.LIVE, DesiredMode.ACTIVE, False, joined, 0.0, 0)
        )
        line, redis, duties = ClusterLine(self.row), RedisLine(self.redis), RecordingDuties()
        lock = FakeLeaderLock(redis)
        leadership = Leadership(
            member,
            line,
            cast("Any", line),
            lock,
            cast("Any", self.ports),
            cast("Any", SilentBell()),
            self.clock,
            duties,
            lambda: self.config,
            uuid4,
            Event(),
        )
        beater = LockBeater(leadership, lock, self.clock, lambda: self.config)
        return Contender(member, line, redis, duties, leadership, beater)
