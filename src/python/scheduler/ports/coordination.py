"""Redis: the gate, the news and the bell; never the authority."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LockView:
    """The leader lock as Redis has it. ``beats`` rises with each renewal."""

    holder: str | None
    epoch: int
    beats: int


class LeaderLock(Protocol):
    """``scheduler:leader:lock``: the fast gate and the bell, never the authority."""

    def acquire(self, worker_id: str, ttl_seconds: float) -> bool:
        """SET NX PX: the gate before a bump. True when I hold it (already, too)."""

    def replace(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        """After a bump: take the lock from any holder of an older epoch. Compare and replace."""

    def renew(self, worker_id: str, epoch: int, ttl_seconds: float) -> bool:
        """Renew as holder (also re-set it when Redis came back empty); beats += 1."""

    def release(self, worker_id: str) -> None: ...

    def view(self) -> LockView: ...

    def mirror_epoch(self, epoch: int) -> None:
        """Raise the mirrored epoch to at least this."""

    def mirrored_epoch(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A worker's presence in Redis: a hint and news for operators, never a lease."""

    worker_id: str
    node_id: str
    grpc_address: str
    role: str
    epoch: int
    open_runs: int
    capacity: int
    load: float


class Presence(Protocol):
    def beat(self, heartbeat: Heartbeat, ttl_seconds: float) -> None: ...

    def all(self) -> list[Heartbeat]: ...

    def gone(self, worker_id: str) -> None: ...


class Bell(Protocol):
    """Wake-ups: Redis pub/sub, the RDB's LISTEN/NOTIFY where Redis is away. Each may be lost."""

    def ring(self, topic: str) -> bool:
        """``leader`` (it has work), ``workers`` (one came or went), ``election``,
        ``worker:<address>``. Never raises; False when the bell itself could not be rung."""

    def listen(self, topics: Iterable[str], on_ring: Callable[[str], None]) -> "Listening": ...


class Listening(Protocol):
    def close(self) -> None: ...
