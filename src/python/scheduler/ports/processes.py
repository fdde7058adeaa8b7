"""Processes of runs, and what a worker keeps on its own disk."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from scheduler.domain.values import (
    Claim,
    LaunchSpec,
    ProcessEvent,
    RunResult,
)


class ProcessHost(Protocol):
    """Starts and ends the processes of runs (``scheduler.execution.host``)."""

    def launch(self, specs: Sequence[LaunchSpec]) -> None: ...

    def warm(self, commands: Sequence[str]) -> None:
        """Load management commands that will be launched soon, when there is nothing else to
        do. Unknown names are ignored here: their launch tells."""

    def cancel(self, runs: Sequence[UUID]) -> None: ...

    def set_deadline(self, boottime: float) -> None: ...

    def events(self, timeout_seconds: float) -> list[ProcessEvent]: ...

    def running(self) -> frozenset[UUID]: ...

    def stop(self, grace_seconds: float) -> None: ...


class Spool(Protocol):
    """Results kept on disk while the RDB is away."""

    def append(self, results: Sequence[RunResult]) -> None: ...

    def pending(self) -> list[RunResult]: ...

    def acknowledge(self, claim_tokens: Sequence[UUID]) -> None: ...


class Journal(Protocol):
    """What this worker wrote to the RDB in the last ten minutes, oldest first, to be written
    again after a fail-over that lost it. Survives the process. Instants are boottimes."""

    def claimed(self, claims: Sequence[Claim]) -> None:
        """Keep won claims. Raises SchedulerError when they are in memory only."""

    def finished(self, results: Sequence[RunResult], now: float) -> None: ...

    def claims(self, since: float) -> list[Claim]: ...

    def results(self, since: float) -> list[RunResult]: ...
