"""A network in process: FakeWorkerLink calls the WorkerService of the address it is given.

Nothing is random but by the RNG given, nothing is late but by the clock given: the same seed gives
the same story. A call can be delivered, lost on the way there, lost on the way back (the worker
did it, the leader never knows), doubled, or late (carried out by ``deliver``, the leader gone).
"""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from uuid import UUID

from scheduler.domain.errors import PeerUnreachable, SchedulerError
from scheduler.domain.values import StartOrder
from scheduler.ports import (
    Command,
    LogChunk,
    PingReply,
    StartReply,
    WorkerService,
    WorkerStatus,
)


class Fate(Enum):
    """What the network does to one call."""

    DELIVERED = "delivered"
    REQUEST_LOST = "request lost"
    REPLY_LOST = "reply lost"
    DOUBLED = "doubled"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities of each fate (the rest is delivered), and how late the late ones are."""

    request_lost: float = 0.0
    reply_lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_seconds_max: float = 30.0

    def draw(self, rng: random.Random) -> Fate:
        weights = (self.request_lost, self.reply_lost, self.doubled, self.late)
        fates = (Fate.REQUEST_LOST, Fate.REPLY_LOST, Fate.DOUBLED, Fate.LATE)
        rest = 1.0 - sum(weights)
        return rng.choices((*fates, Fate.DELIVERED), weights=(*weights, rest))[0]


@dataclass(slots=True)
class _Late:
    due_at: float
    address: str
    caller: str
    act: Callable[[WorkerService], object]


@dataclass(slots=True)
class Network:
    """Who serves at which address, and which lines are cut. Shared by all links of a test."""

    rng: random.Random
    now: Callable[[], float]
    faults: Faults = field(default_factory=Faults)
    story: list[tuple[float, str, str, str, Fate]] = field(default_factory=list)
    """(time, caller, address, method, fate) of every call that was not simply delivered."""
    _services: dict[str, WorkerService] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)
    _cut: set[tuple[str, str]] = field(default_factory=set)
    _late: list[_Late] = field(default_factory=list)

    def serve(self, address: str, service: WorkerService) -> None:
        """The process at ``address`` is up."""
        self._services[address] = service
        self._silent.discard(address)

    def stop_serving(self, address: str) -> None:
        """The process is dead, its machine alive: connections are refused."""
        self._services.pop(address, None)

    def silence(self, address: str, *, silent: bool = True) -> None:
        """The process is stopped or its machine gone: no answer at all."""
        (self._silent.add if silent else self._silent.discard)(address)

    def cut(self, caller: str, address: str) -> None:
        """Nothing passes from this caller to this address any more (the other way does)."""
        self._cut.add((caller, address))

    def mend(self, caller: str, address: str) -> None:
        self._cut.discard((caller, address))

    def is_refusing(self, caller: str, address: str) -> bool:
        return address not in self._services and not self._is_mute(caller, address)

    def call[Reply](
        self, caller: str, address: str, method: str, act: Callable[[WorkerService], Reply]
    ) -> Reply:
        if self._is_mute(caller, address):
            raise PeerUnreachable(address, refused=False, why="no answer in time")
        service = self._services.get(address)
        if service is None:
            raise PeerUnreachable(address, refused=True)
        fate = self.faults.draw(self.rng)
        if fate is not Fate.DELIVERED:
            self.story.append((self.now(), caller, address, method, fate))
        return self._carry_out(fate, service, _Late(0.0, address, caller, act), act)

    def deliver(self) -> int:
        """Delivers the late messages whose time has come; returns how many reached someone."""
        due = [late for late in self._late if late.due_at <= self.now()]
        self._late = [late for late in self._late if late.due_at > self.now()]
        return sum(self._deliver(late) for late in sorted(due, key=lambda late: late.due_at))

    def next_delivery(self) -> float | None:
        """When the next late message arrives; None when none is under way."""
        return min((late.due_at for late in self._late), default=None)

    def _carry_out[Reply](
        self,
        fate: Fate,
        service: WorkerService,
        late: _Late,
        act: Callable[[WorkerService], Reply],
    ) -> Reply:
        if fate is Fate.LATE:
            late.due_at = self.now() + self.rng.uniform(0.0, self.faults.late_seconds_max)
            self._late.append(late)
        if fate in (Fate.LATE, Fate.REQUEST_LOST):
            raise PeerUnreachable(late.address, refused=False, why=fate.value)
        if fate is Fate.DOUBLED:
            act(service)
        reply = act(service)
        if fate is Fate.REPLY_LOST:
            raise PeerUnreachable(late.address, refused=False, why=fate.value)
        return reply

    def _deliver(self, late: _Late) -> bool:
        service = self._services.get(late.address)
        if service is None or self._is_mute(late.caller, late.address):
            return False
        try:
            late.act(service)
        except SchedulerError:
            # Nobody waits for this answer any more.
            return True
        return True

    def _is_mute(self, caller: str, address: str) -> bool:
        return address in self._silent or (caller, address) in self._cut


class FakeWorkerLink:
    """A WorkerLink over a Network. ``caller`` names whose link it is, for cutting its lines."""

    def __init__(self, network: Network, caller: str) -> None:
        self._network = network
        self._caller = caller

    def ping(self, address: str, command: Command, echo_nonce: int) -> PingReply:
        return self._call(address, "ping", lambda service: service.ping(command, echo_nonce))

    def start_runs(
        self, address: str, command: Command, orders: Sequence[StartOrder]
    ) -> StartReply:
        # A worker never shares an object with its leader: what it is handed is its own.
        sent = copy.deepcopy(tuple(orders))
        return self._call(address, "start_runs", lambda service: service.start_runs(command, sent))

    def cancel_runs(self, address: str, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        sent = tuple(runs)
        return self._call(
            address, "cancel_runs", lambda service: service.cancel_runs(command, sent)
        )

    def drain(self, address: str, command: Command, *, drain: bool) -> None:
        self._call(address, "drain", lambda service: service.drain(command, drain=drain))

    def reload_config(self, address: str, command: Command, revision: int) -> int:
        return self._call(
            address, "reload_config", lambda service: service.reload_config(command, revision)
        )

    def confirm_continuation(
        self, address: str, command: Command, runs: Sequence[UUID]
    ) -> tuple[UUID, ...]:
        sent = tuple(runs)
        return self._call(
            address,
            "confirm_continuation",
            lambda service: service.confirm_continuation(command, sent),
        )

    def status(self, address: str) -> WorkerStatus:
        return self._call(address, "status", lambda service: service.status())

    def read_log(self, address: str, run_id: UUID, offset: int, limit: int) -> LogChunk:
        return self._call(
            address, "read_log", lambda service: service.read_log(run_id, offset, limit)
        )

    def is_refusing(self, address: str) -> bool:
        return self._network.is_refusing(self._caller, address)

    def forget(self, address: str) -> None:
        """Nothing is kept open."""

    def close(self) -> None:
        """Nothing is kept open."""

    def _call[Reply](
        self, address: str, method: str, act: Callable[[WorkerService], Reply]
    ) -> Reply:
        return self._network.call(self._caller, address, method, act)
