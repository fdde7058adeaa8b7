"""Worker loss: the arithmetic of who gives up first.

The promise: a worker has killed and reaped every process of a run *before* any leader may call
that run orphaned. It rests on one inequality, kept by two parties that share no clock:

- The **worker** lives until ``D = max(asked_at + L)`` over the answers to questions *it* asked
  (``L`` is the lease in seconds, ``asked_at`` its own CLOCK_BOOTTIME when it asked). An answer
  may take long; it counts from the question, so an old answer extends nothing. There are two
  kinds of question: the renewal of its lease row, and the nonce in its reply to a leader's
  ping, which the leader's next ping echoes. At ``D - grace`` it sends TERM, at ``D`` SIGKILL.
- The **leader** waits longer than any worker can: its term must be older than
  ``trust + L + M``, so that no ping of an earlier leader is still on its way; its last reply
  from the worker older than ``L + M``; and the lease row's ``renewed_at + L + M`` past, which the
  statement that marks the lease LOST checks once more by the RDB's clock. The margin ``M``
  covers the kill itself, the drift of two clocks over a lease, and a second of slack.

A Redis answer never takes part: it may come from a split-off master.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from scheduler.domain.values import LeaseState, WorkerView

CLOCK_DRIFT = 0.001
"""Two healthy clocks part by at most this share of the time that passes (0.1 %)."""

SLACK_SECONDS = 1.0


def minimum_margin(kill_and_reap_seconds: float, lease_seconds: float) -> float:
    """The smallest safe ``M`` in seconds: time to kill and reap + L x 0.1 % + 1 s."""
    return kill_and_reap_seconds + lease_seconds * CLOCK_DRIFT + SLACK_SECONDS


# ------------------------------------------------------------------------------ the worker's side


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a worker may let its runs go on: ``at`` in seconds of its CLOCK_BOOTTIME."""

    at: float

    @classmethod
    def first(cls, asked_at: float, lease_seconds: float) -> "Deadline":
        """The deadline that registration gives; ``asked_at`` is when the worker asked."""
        return cls(asked_at + lease_seconds)

    def answered(self, asked_at: float, lease_seconds: float) -> "Deadline":
        """After an answer to the question asked at ``asked_at``. It never moves backwards."""
        return Deadline(max(self.at, asked_at + lease_seconds))

    def terminate_at(self, grace_seconds: float) -> float:
        """When TERM goes to every run's process group (boottime)."""
        return self.at - grace_seconds

    def must_terminate(self, now: float, grace_seconds: float) -> bool:
        """True from ``D - grace`` on: TERM is due, and no new run may be claimed."""
        return now >= self.terminate_at(grace_seconds)

    def must_kill(self, now: float) -> bool:
        """True from ``D`` on: SIGKILL is due."""
        return now >= self.at


class Questions:
    """A worker's open questions to the leader: each nonce with the boottime it was made at.

    A leader's ping extends the lease only through a nonce that this worker made and that the
    ping echoes: :meth:`asked_at` says from when it counts. Not thread-safe.
    """

    REMEMBERED = 256

    def __init__(self) -> None:
        self._asked: dict[int, float] = {}
        self._last = 0

    def ask(self, now: float) -> int:
        """A fresh nonce, to go out with the reply being made at ``now``."""
        self._last += 1
        self._asked[self._last] = now
        self._asked.pop(self._last - self.REMEMBERED, None)
        return self._last

    def forget(self) -> None:
        """Drop all questions. Their numbers are not used again: an old echo answers nothing."""
        self._asked.clear()

    def asked_at(self, nonce: int) -> float | None:
        """When ``nonce`` was made; None for one that is not mine or long forgotten."""
        return self._asked.get(nonce)


# ------------------------------------------------------------------------------ the leader's side


def may_orphan(
    *,
    term_age: float,
    trust: float,
    lease: float,
    margin: float,
    last_reply_age: float | None,
) -> bool:
    """Whether a leader may call a worker's lease lost, as far as it can know by itself.

    All in seconds. ``trust`` is how long an earlier leader may have trusted itself;
    ``last_reply_age`` is None when the worker never replied to this leader. The third
    condition, the age of the lease row, belongs to the statement that marks it LOST.
    """
    reply_age = inf if last_reply_age is None else last_reply_age
    return term_age > trust + lease + margin and reply_age > lease + margin


def lost_workers(
    workers: Sequence[WorkerView],
    *,
    term_age: float,
    trust: float,
    reply_ages: Mapping[str, float],
) -> list[str]:
    """The ids of the LIVE workers to mark LOST now, in the order given.

    ``reply_ages`` holds, by worker id, the seconds since a worker's last reply to this leader.
    Each worker's own ``lease_seconds`` and ``margin_seconds`` count, never the leader's settings.
    """
    return [
        worker.facts.worker_id
        for worker in workers
        if worker.state is LeaseState.LIVE
        and worker.renewed_age_seconds > worker.facts.lease_seconds + worker.facts.margin_seconds
        and may_orphan(
            term_age=term_age,
            trust=trust,
            lease=worker.facts.lease_seconds,
            margin=worker.facts.margin_seconds,
            last_reply_age=reply_ages.get(worker.facts.worker_id),
        )
    ]


@dataclass(frozen=True, slots=True)
class SuspectChanges:
    """Worker ids whose SUSPECT mark is to be set, and those whose mark is to be taken away."""

    suspect: tuple[str, ...]
    cleared: tuple[str, ...]


def suspect_changes(
    workers: Sequence[WorkerView],
    *,
    term_age: float,
    reply_ages: Mapping[str, float],
    confirm_after_seconds: float,
) -> SuspectChanges:
    """Which workers' continuation is in doubt (CONFIRMING), and which has been confirmed.

    A worker is SUSPECT while *either* of its lines, the lease row or its replies, has been
    silent for longer than ``confirm_after_seconds``: its runs go on, but no new one goes to a
    worker that could not claim it or not hear of it. A leader younger than that suspects nobody
    for not having replied yet.
    """

    def silent(worker: WorkerView) -> bool:
        reply_age = reply_ages.get(worker.facts.worker_id, term_age)
        return max(worker.renewed_age_seconds, reply_age) > confirm_after_seconds

    live = [worker for worker in workers if worker.state is LeaseState.LIVE]
    return SuspectChanges(
        suspect=tuple(w.facts.worker_id for w in live if silent(w) and not w.suspect),
        cleared=tuple(w.facts.worker_id for w in live if w.suspect and not silent(w)),
    )
