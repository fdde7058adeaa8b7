"""The worker's side of the line: what each command of the leader does here.

Called by the gRPC server's threads. Commands carry an epoch; one that is older than the newest
this worker has seen is refused (StaleEpoch) before anything happens.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from scheduler.domain.values import StartOrder
from scheduler.ports import Clock, Command, LogChunk, PingReply, StartReply, WorkerStatus
from scheduler.runtime.agent import Agent
from scheduler.runtime.lease import LeaseKeeper
from scheduler.runtime.member import Member


class WorkerCommands:
    """Implements ``ports.WorkerService`` over the member, its lease and its agent.

    ``read_log(run_id, offset, limit)`` and ``reload(revision)`` are adapters' words.
    """

    def __init__(
        self,
        member: Member,
        agent: Agent,
        lease: LeaseKeeper,
        clock: Clock,
        reload: Callable[[int], int],
        read_log: Callable[[UUID, int, int], LogChunk],
    ) -> None:
        self._member, self._agent, self._lease, self._clock = member, agent, lease, clock
        self._reload, self._read_log = reload, read_log

    def ping(self, command: Command, echo_nonce: int) -> PingReply:
        self._member.accept(command)
        now = self._clock.boottime()
        self._member.echoed(echo_nonce, now)
        self._lease.push_deadline()
        return PingReply(
            worker_id=self._member.worker_id,
            nonce=self._member.new_nonce(now),
            newest_epoch=self._member.newest_epoch,
            open_runs=self._agent.open_runs(),
            capacity=self._member.facts.capacity,
            accepting=self._member.accepting,
        )

    def start_runs(self, command: Command, orders: Sequence[StartOrder]) -> StartReply:
        self._member.accept(command)
        refused = self._agent.offer(orders, self._clock.boottime())
        names = {run_id for run_id, _ in refused}
        accepted = tuple(order.run_id for order in orders if order.run_id not in names)
        return StartReply(accepted, tuple(refused))

    def cancel_runs(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        self._member.accept(command)
        return self._agent.cancel(runs)

    def drain(self, command: Command, *, drain: bool) -> None:
        self._member.accept(command)
        self._member.drain(drain, self._clock.boottime())

    def reload_config(self, command: Command, revision: int) -> int:
        self._member.accept(command)
        return self._reload(revision)

    def confirm_continuation(self, command: Command, runs: Sequence[UUID]) -> tuple[UUID, ...]:
        """Those of ``runs`` that run here; all that run here when none is named."""
        self._member.accept(command)
        running = self._agent.running()
        return tuple(run for run in running if not runs or run in runs)

    def status(self) -> WorkerStatus:
        now = self._clock.boottime()
        return WorkerStatus(
            worker_id=self._member.worker_id,
            role=str(self._member.role),
            newest_epoch=self._member.newest_epoch,
            open_runs=self._agent.open_runs(),
            capacity=self._member.facts.capacity,
            running=self._agent.running(),
            deadline_in_seconds=self._member.deadline.at - now,
            config_revision=self._member.config_revision,
        )

    def read_log(self, run_id: UUID, offset: int, limit: int) -> LogChunk:
        running = run_id in self._agent.running()
        return replace(self._read_log(run_id, offset, limit), finished=not running)
