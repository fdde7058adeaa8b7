"""The leader's voice to the workers: carries their leases while the RDB is away.

A ping proves to a worker that its leader led *after* the worker asked: the worker's reply to one
ping brings a nonce, the next ping echoes it. The order here is the safe one: take the nonce,
then check that the term is still trusted, then send.
"""

from collections.abc import Callable
from threading import Lock

import structlog

from scheduler.domain.errors import PeerUnreachable, StaleEpoch
from scheduler.domain.placement import NOT_ACCEPTING, UNREACHABLE
from scheduler.ports import Clock, PingReply, WorkerLink
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.fanout import Fanout
from scheduler.runtime.member import Term

log = structlog.get_logger(__name__)


class Pinger:
    """Pings every live worker of a term once a round, in batches.

    ``on_stale`` is told of the newer epoch a worker has seen: this leader is deposed.
    """

    def __init__(
        self,
        link: WorkerLink,
        clock: Clock,
        fanout: Fanout,
        config: Callable[[], RuntimeConfig],
        on_stale: Callable[[StaleEpoch], None],
    ) -> None:
        self._link, self._clock, self._fanout = link, clock, fanout
        self._config, self._on_stale = config, on_stale
        self._lock = Lock()
        self._term: Term | None = None
        self._addresses: dict[str, str] = {}
        self._nonces: dict[str, int] = {}
        self._replied_at: dict[str, float] = {}
        self._refusing: dict[str, str] = {}
        self._silent: set[str] = set()

    def establish(self, term: Term, gone: str | None) -> None:
        """A term began: forget what an earlier one heard. ``gone`` is the worker whose refusal
        made this one leader."""
        with self._lock:
            self._term = term
            self._nonces, self._replied_at, self._silent = {}, {}, set()
            self._refusing = {gone: UNREACHABLE} if gone else {}

    def revoke(self) -> None:
        """The term ended: no ping leaves any more."""
        with self._lock:
            self._term = None

    def watch(self, addresses: dict[str, str]) -> None:
        """Whom to ping: worker id -> gRPC address."""
        with self._lock:
            gone = set(self._addresses.values()) - set(addresses.values())
            self._addresses = dict(addresses)
            self._refusing = {w: why for w, why in self._refusing.items() if w in addresses}
        for address in gone:
            self._link.forget(address)

    def replied_at(self, worker_id: str) -> float | None:
        """Boottime of the last reply of this term; None: none yet."""
        return self._replied_at.get(worker_id)

    def refused(self, worker_id: str) -> bool:
        """True when nobody listened at the worker's address when it was last spoken to."""
        return self._refusing.get(worker_id) == UNREACHABLE

    def refuses(self, worker_id: str) -> str:
        """Why the worker takes no runs, as last heard: UNREACHABLE (nobody listened),
        NOT_ACCEPTING (it said so), or nothing. Its next ping tells anew."""
        return self._refusing.get(worker_id, "")

    def refused_runs(self, worker_id: str, why: str) -> None:
        """A dispatch met a worker that takes no runs: known before the next ping."""
        with self._lock:
            self._refusing[worker_id] = why

    def tick(self, now: float) -> float:
        """One round; returns when the next is due."""
        term = self._term
        if term is not None and term.trusted(now):
            targets = list(self._addresses.items())
            size = self._config().ping_batch_size
            for start in range(0, len(targets), size):
                batch = targets[start : start + size]
                self._fanout.run([self._pinging(term, *target) for target in batch])
        return now + self._config().ping_seconds

    def _pinging(self, term: Term, worker_id: str, address: str) -> Callable[[], None]:
        return lambda: self._ping(term, worker_id, address)

    def _ping(self, term: Term, worker_id: str, address: str) -> None:
        nonce = self._nonces.get(worker_id, 0)
        if not term.trusted(self._clock.boottime()):
            return
        try:
            reply = self._link.ping(address, term.command, nonce)
        except PeerUnreachable as error:
            self._not_heard(worker_id, error)
            return
        except StaleEpoch as error:
            self._on_stale(error)
            return
        self._heard(term, worker_id, reply)

    def _not_heard(self, worker_id: str, error: PeerUnreachable) -> None:
        with self._lock:
            if error.refused:
                self._refusing[worker_id] = UNREACHABLE
            elif self.refused(worker_id):
                del self._refusing[worker_id]
            news = worker_id not in self._silent
            self._silent.add(worker_id)
        if news:
            log.warning("worker_unreachable", worker_id=worker_id, reason=str(error))

    def _heard(self, term: Term, worker_id: str, reply: PingReply) -> None:
        with self._lock:
            if self._term is term and reply.worker_id == worker_id:
                self._nonces[worker_id] = reply.nonce
                self._replied_at[worker_id] = self._clock.boottime()
                self._silent.discard(worker_id)
                if reply.accepting:
                    self._refusing.pop(worker_id, None)
                else:
                    self._refusing[worker_id] = NOT_ACCEPTING
