"""What one worker knows of itself and of the cluster, shared by its threads.

Facts that only grow (the newest epoch, the lease deadline, the config revision) live here under
one lock; the threads that act on them own everything else.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from uuid import UUID

from scheduler.domain.elections import Trust
from scheduler.domain.errors import StaleEpoch
from scheduler.domain.liveness import Deadline, Questions
from scheduler.domain.values import DesiredMode, Fence, LeaseAnswer, Role, WorkerFacts
from scheduler.ports import Command


class Member:
    """This worker as a member of the cluster.

    ``worker_id`` is new at every start and at every rejoin: whoever lost its lease never comes
    back under the old name.
    """

    def __init__(self, facts: WorkerFacts, new_worker_id: Callable[[], str]) -> None:
        self._lock = Lock()
        self._new_worker_id = new_worker_id
        self._questions = Questions()
        self._drained_at: float | None = None
        self.facts = facts
        self.role = Role.WORKER
        self.newest_epoch = 0
        self.leader_worker_id: str | None = None
        self.deadline = Deadline(0.0)
        self.joined = False
        self.stopping = False
        self.desired = DesiredMode.ACTIVE
        self.hold_seq = 0
        self.config_revision = 0
        self.wanted_revision = 0
        self.timeline = 0
        """Of the RDB, as last seen; 0 on SQLite and before the first answer."""
        self.replayed_timeline = 0
        """Up to which all that this process wrote is in the RDB (``runtime.replayer``)."""
        self.failed_over_at: float | None = None
        self.on_fail_over: Callable[[], None] = _nobody

    @property
    def worker_id(self) -> str:
        return self.facts.worker_id

    @property
    def accepting(self) -> bool:
        """Whether new runs are taken: joined, not stopping, and not drained or detached."""
        return (
            self.joined
            and not self.stopping
            and self._drained_at is None
            and self.desired is DesiredMode.ACTIVE
        )

    def drain(self, on: bool, now: float) -> None:
        """The leader's word, ahead of the lease row that says the same. The row is the truth: its
        next answer counts, also where the word that takes this one back was lost."""
        with self._lock:
            self._drained_at = now if on else None

    def accept(self, command: Command) -> None:
        """Take a leader's command, unless a newer epoch was seen. Raises StaleEpoch."""
        with self._lock:
            if command.epoch < self.newest_epoch:
                raise StaleEpoch(command.epoch, self.newest_epoch, self.leader_worker_id)
            self.newest_epoch = command.epoch
            self.leader_worker_id = command.leader_worker_id

    def see_epoch(self, epoch: int) -> None:
        with self._lock:
            self.newest_epoch = max(self.newest_epoch, epoch)

    def see_timeline(self, timeline: int, now: float) -> None:
        """An answer of the RDB came from this timeline."""
        with self._lock:
            known, self.timeline = self.timeline, timeline
            if not self.replayed_timeline:
                self.replayed_timeline = timeline
            if known in (0, timeline):
                return
            self.failed_over_at = now
        self.on_fail_over()

    def learn(self, answer: LeaseAnswer, asked_at: float) -> None:
        """The RDB renewed my lease: asked at boottime ``asked_at``, answered since."""
        with self._lock:
            self.newest_epoch = max(self.newest_epoch, answer.epoch)
            self.deadline = self.deadline.answered(asked_at, self.facts.lease_seconds)
            self.desired = answer.desired
            if self._drained_at is not None and asked_at > self._drained_at:
                self._drained_at = None
            self.hold_seq = answer.hold_seq
            self.wanted_revision = max(self.wanted_revision, answer.config_revision)
        self.see_timeline(answer.timeline, asked_at)

    def new_nonce(self, now: float) -> int:
        """A question to the leader, asked now; its echo extends the lease from now."""
        with self._lock:
            return self._questions.ask(now)

    def echoed(self, nonce: int, now: float) -> None:
        """The current leader echoed my nonce: the lease counts from when I asked, never from
        the receipt (a ping may be old). A lease that is over stays over."""
        with self._lock:
            asked_at = self._questions.asked_at(nonce)
            alive = self.joined and not self.deadline.must_kill(now)
            if asked_at is not None and alive:
                self.deadline = self.deadline.answered(asked_at, self.facts.lease_seconds)

    def join(self, asked_at: float, answer: LeaseAnswer) -> None:
        self.joined = True
        self.config_revision = 0
        self.learn(answer, asked_at)

    def leave(self) -> None:
        """My lease is over; nothing that was asked under it counts any more."""
        with self._lock:
            self.joined = False
            self._drained_at = None
            self.deadline = Deadline(0.0)
            self._questions.forget()

    def listens_on(self, address: str) -> None:
        """Where this worker's gRPC server listens; told once, before it joins."""
        self.facts = replace(self.facts, grpc_address=address)

    def rename(self) -> None:
        """Take a new id for the next life."""
        self.facts = replace(self.facts, worker_id=self._new_worker_id())


def _nobody() -> None:
    """Nobody is to be told."""


class Term:
    """One leadership of this worker: its fence, and until when it may be trusted.

    ``inherited_trust`` is the longest that an earlier leader may have trusted itself after this
    term began: until then a ping of its may still carry a worker's lease.
    """

    def __init__(
        self, epoch: int, term_id: UUID, worker_id: str, began_at: float, inherited_trust: float
    ) -> None:
        self.command = Command(epoch, term_id, worker_id)
        self.began_at = began_at
        self.inherited_trust = inherited_trust
        self.trust_seconds = 0.0
        """How long each of its renewals is good for: fixed for the term, as the row says."""
        self.trust = Trust(0.0)
        self.quiet_until = 0.0
        """No run is handed out before: the RDB failed over a moment ago."""
        self._counter = 0

    @property
    def fence(self) -> Fence:
        return Fence(self.command.epoch, self.command.term_id)

    @property
    def epoch(self) -> int:
        return self.command.epoch

    def renewed(self, asked_at: float, trust_seconds: float, margin_seconds: float) -> None:
        self.trust = self.trust.renewed(asked_at, trust_seconds, margin_seconds)

    def trusted(self, now: float) -> bool:
        return self.trust.holds(now)

    def next_assign_seq(self) -> int:
        """``epoch << 32 | counter``: rises with every assignment of the whole cluster."""
        self._counter += 1
        return self.epoch << 32 | self._counter
