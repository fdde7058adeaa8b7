"""The leader's line to the workers, and the workers' end of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from scheduler.domain.values import (
    StartOrder,
)

DRAINING = "draining"
"""The code with which a worker that takes no runs refuses one."""


@dataclass(frozen=True, slots=True)
class Command:
    """What every command to a worker carries."""

    epoch: int
    term_id: UUID
    leader_worker_id: str


@dataclass(frozen=True, slots=True)
class PingReply:
    """``nonce`` is fresh at each reply; the next ping echoes it (see ``domain.liveness``)."""

    worker_id: str
    nonce: int
    newest_epoch: int
    open_runs: int
    capacity: int
    accepting: bool


@dataclass(frozen=True, slots=True)
class StartReply:
    accepted: tuple[UUID, ...]
    refused: tuple[tuple[UUID, str], ...]
    """(run_id, code): draining, no_capacity, unknown_executor, unknown_command, unsupported..."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    worker_id: str
    role: str
    newest_epoch: int
    open_runs: int
    capacity: int
    running: tuple[UUID, ...]
    deadline_in_seconds: float
    config_revision: int


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Bytes of a run's log from ``offset``; go on at ``next_offset`` unless it is ``finished``."""

    data: bytes
    next_offset: int
    size: int
    finished: bool


class WorkerLink(Protocol):
    """The leader's line to workers, by gRPC address. Raises PeerUnreachable (``refused`` tells a
    refused connection from silence) and StaleEpoch when the worker has seen a newer epoch."""

    def ping(self, address: str, command: Command, echo_nonce: int) -> PingReply: ...

    def start_runs(
        self, address: str, command: Command, orders: Sequence[StartOrder]
    ) -> StartReply: ...

    def cancel_runs(self, address: str, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        """Returns those that the worker knew."""

    def drain(self, address: str, command: Command, *, drain: bool) -> None: ...

    def reload_config(self, address: str, command: Command, revision: int) -> int:
        """Returns the revision now applied."""

    def confirm_continuation(
        self, address: str, command: Command, runs: Sequence[UUID]
    ) -> tuple[UUID, ...]:
        """Returns those still running there."""

    def status(self, address: str) -> WorkerStatus: ...

    def read_log(self, address: str, run_id: UUID, offset: int, limit: int) -> LogChunk: ...

    def is_refusing(self, address: str) -> bool:
        """True when a TCP connection to the address is refused at once (nobody listens)."""

    def forget(self, address: str) -> None:
        """Close what is kept open to an address."""

    def close(self) -> None: ...


class WorkerService(Protocol):
    """The worker's side of the line, called by the gRPC server's threads. ``peer`` names the
    certificate's identity. A stale epoch raises StaleEpoch, which reaches the caller as such."""

    def ping(self, command: Command, echo_nonce: int) -> PingReply: ...

    def start_runs(self, command: Command, orders: Sequence[StartOrder]) -> StartReply: ...

    def cancel_runs(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]: ...

    def drain(self, command: Command, *, drain: bool) -> None: ...

    def reload_config(self, command: Command, revision: int) -> int: ...

    def confirm_continuation(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]: ...

    def status(self) -> WorkerStatus: ...

    def read_log(self, run_id: UUID, offset: int, limit: int) -> LogChunk: ...
