"""The RDB's word on who leads and which workers live."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from scheduler.domain.values import (
    ClusterView,
    Fence,
    LeaseAnswer,
    WorkerFacts,
    WorkerView,
)


class ClusterStore(Protocol):
    """The cluster row: the authority over who leads."""

    def read(self) -> ClusterView: ...

    def bump(
        self,
        *,
        seen_epoch: int,
        new_epoch: int,
        term_id: UUID,
        worker_id: str,
        address: str,
        trust_seconds: float,
        flaps: int,
    ) -> bool:
        """Compare-and-set the epoch; False when another won. An unknown outcome is read again:
        finding ``term_id`` there means won. Ends the recorded backend of the old leader when
        blocked by it for over 500 ms. Records this connection's backend pid."""

    def renew(self, fence: Fence) -> ClusterView:
        """Commit ``leader_seen_at = clock_timestamp()``. Raises StaleEpoch."""

    def release(self, fence: Fence) -> None:
        """Give the term up on purpose: the next bump need not wait. Raises StaleEpoch."""

    def name_subleader(self, fence: Fence, worker_id: str | None) -> None: ...


class OnTimeline(Protocol):
    def expect_timeline(self, timeline: int) -> None:
        """From now on each method raises TimelineChanged while the RDB is on another timeline."""


class LeaseStore(OnTimeline, Protocol):
    """Worker lease rows."""

    def register(self, facts: WorkerFacts, *, replayed_timeline: int = 0) -> LeaseAnswer:
        """``replayed_timeline`` is that of the process's earlier life; 0: there was none."""

    def renew(self, worker_id: str, *, open_runs: int) -> LeaseAnswer | None:
        """Renew my lease WHERE state = 'LIVE'; None when the lease is no longer mine to renew."""

    def leave(self, worker_id: str) -> None:
        """LIVE -> LEFT, on a clean stop with no run left."""

    def live(self) -> list[WorkerView]:
        """All LIVE rows, oldest first."""

    def mark_suspect(self, fence: Fence, worker_ids: Sequence[str], *, suspect: bool) -> None: ...

    def mark_lost(self, fence: Fence, worker_ids: Sequence[str]) -> list[str]:
        """LIVE -> LOST where ``renewed_at + lease_seconds + margin < clock_timestamp()`` holds in
        the statement itself; returns those that changed."""

    def acknowledge_config(self, worker_id: str, revision: int) -> None: ...
