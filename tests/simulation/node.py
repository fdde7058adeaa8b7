"""A node of the cluster, and the worker process that lives on it for a while.

A process is the real runtime (``Parts``), over adapters of this world, with each of its loops
ticked as the supervisor's threads would: at the wake that the last tick named, or sooner when its
bell was set. What a process leaves behind on its machine (runs, spooled results) stays there.
"""

from collections.abc import Callable, Sequence
from threading import Event
from typing import TYPE_CHECKING, cast
from uuid import UUID

from scheduler.domain.errors import DatabaseUnavailable
from scheduler.domain.placement import capability_of
from scheduler.domain.values import LaunchSpec, RunResult, StartOrder, WorkerFacts
from scheduler.ports import LogChunk
from scheduler.runtime.parts import Adapters, Parts
from scheduler.runtime.starter import Preparation
from scheduler.store.cluster import SqlClusterStore
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.leases import SqlLeaseStore
from scheduler.store.worker import SqlWorkerStore
from scheduler.testing.journal import MemoryJournal
from scheduler.testing.link import FakeWorkerLink, Network
from tests.simulation.database import ProcessDatabase
from tests.simulation.host import SimulatedHost
from tests.simulation.lines import ProcessNetwork
from tests.simulation.machine import MachineTime, SimulatedClock
from tests.simulation.redis_line import Caller, SimulatedBell, SimulatedLock, SimulatedPresence
from tests.simulation.timeline import Life

if TYPE_CHECKING:
    from tests.simulation.world import World

FAILED_TICK_SECONDS = 1.0
AT_ONCE_SECONDS = 0.001
SALVAGE_SECONDS = 15.0
DRAIN_POLL_SECONDS = 0.1


class MemorySpool:
    """``ports.Spool`` on the machine's disk: it outlives its process."""

    def __init__(self) -> None:
        self._results: dict[UUID, RunResult] = {}
        self.in_use = True

    def append(self, results: Sequence[RunResult]) -> None:
        self._results.update((result.claim_token, result) for result in results)

    def pending(self) -> list[RunResult]:
        return list(self._results.values())

    def acknowledge(self, claim_tokens: Sequence[UUID]) -> None:
        for token in claim_tokens:
            self._results.pop(token, None)


class SideBySide:
    """``runtime.fanout.Fanout`` whose calls are actions of the process."""

    def __init__(self, world: "World", life: Life) -> None:
        self._world, self._life = world, life

    def run(self, calls: Sequence[Callable[[], None]]) -> None:
        self._world.timeline.all_of(calls, self._life)

    def spawn(self, call: Callable[[], None]) -> None:
        self._world.timeline.after(0.0, call, self._life)


class Ticked:
    """One loop of a process."""

    def __init__(
        self,
        process: "Process",
        name: str,
        tick: Callable[[float], float],
        wake: Event | None = None,
    ) -> None:
        self.name, self._process, self._tick = name, process, tick
        self._wake = wake or Event()
        self._turn = 0
        self._busy = False
        self._next_at = 0.0
        self._ticks = (0, 0)

    def start(self) -> None:
        self._schedule(self._process.world.random.uniform(0.0, 0.05))

    def nudge(self) -> None:
        """After each step of the world: has the bell been set?"""
        if self._busy or not self._wake.is_set():
            return
        if self._next_at > self._process.world.timeline.now + AT_ONCE_SECONDS:
            self._schedule(AT_ONCE_SECONDS)

    def _schedule(self, seconds: float) -> None:
        timeline = self._process.world.timeline
        self._turn += 1
        turn = self._turn
        self._next_at = timeline.now + max(seconds, AT_ONCE_SECONDS)
        timeline.at(self._next_at, lambda: self._run(turn), self._process.life)

    def _run(self, turn: int) -> None:
        if turn != self._turn or self._process.ended_well:
            return
        self._busy = True
        self._count()
        self._wake.clear()
        clock = self._process.clock
        now = clock.boottime()
        try:
            due_at = self._tick(now)
        except Exception as error:
            self._process.world.auditor.tick_failed(self._process.name, self.name, error)
            due_at = now + FAILED_TICK_SECONDS
        self._busy = False
        true_now = self._process.world.timeline.now
        wait = 0.0 if self._wake.is_set() else self._process.node.time.true(due_at) - true_now
        self._schedule(wait)

    def _count(self) -> None:
        world = self._process.world
        second, ticks = self._ticks
        now = int(world.timeline.now)
        self._ticks = (now, ticks + 1 if now == second else 1)
        world.auditor.ticked(self._process.name, self.name, self._ticks[1])


class Process:
    """One worker process, from its start to its end."""

    def __init__(self, world: "World", node: "Node", name: str) -> None:
        self.world, self.node, self.name = world, node, name
        self.life = Life(name)
        self.ended_well = False
        self.clock = SimulatedClock(world, self.life, node.time, node.wall_skew)
        self.spool = MemorySpool()
        node.spools.append(self.spool)
        self._caller = Caller(world, self)
        self.host = SimulatedHost(
            world, self.life, node.name, node.time, world.kill_seconds, self._happened
        )
        database = ProcessDatabase(world, self)
        self._salvage_store = SqlWorkerStore(database)
        self.parts = Parts(self._facts(), self._adapters(database), lambda: world.config)
        parts = self.parts
        self.woken = [
            Ticked(self, "agent", parts.agent.tick, parts.agent_wake),
            Ticked(self, "leadership", parts.leadership.tick, parts.leader_wake),
        ]
        self._loops = [
            *self.woken,
            Ticked(self, "lease", parts.lease.tick),
            Ticked(self, "beats", parts.beater.tick),
            Ticked(self, "pings", parts.pinger.tick),
            Ticked(self, "presence", parts.presence.tick),
            Ticked(self, "settings", parts.reloader.tick),
            Ticked(self, "salvage", self._salvage),
        ]
        self._listening = self.parts.adapters.bell.listen(parts.topics, parts.rang)

    def start(self) -> None:
        for loop in self._loops:
            loop.start()

    @property
    def leads(self) -> bool:
        return self.life.alive and self.parts.leadership.term is not None

    def crash(self, *, noticed: bool) -> None:
        """SIGKILL. The fork server ends the runs, or (unnoticed) its launcher at the deadline."""
        self._leave_machine()
        self.life.end()
        self.host.worker_died(noticed=noticed)

    def stop_well(self) -> None:
        """SIGTERM: hand over, drain, leave (``runtime.worker``)."""
        self.parts.member.stopping = True
        self.parts.leadership.hand_over("this worker is stopping")
        self.parts.agent.check_now()
        self.world.timeline.after(DRAIN_POLL_SECONDS, self._leave_when_idle, self.life)

    def _leave_when_idle(self) -> None:
        if not self.parts.agent.idle() or self.parts.leadership.term is not None:
            self.world.timeline.after(DRAIN_POLL_SECONDS, self._leave_when_idle, self.life)
            return
        self.ended_well = True
        try:
            if self.parts.member.joined:
                self.parts.lease.leave()
        except DatabaseUnavailable as error:
            self.world.trace("lease not left", process=self.name, reason=str(error))
        self.parts.presence.leave()
        self._leave_machine()
        self.life.end()
        self.host.stop(0.0)

    def _leave_machine(self) -> None:
        self._listening.close()
        self.spool.in_use = False
        if self.node.process is self:
            self.node.process = None

    def _facts(self) -> WorkerFacts:
        config = self.world.config
        return WorkerFacts(
            worker_id=self.world.new_worker_id(),
            node_id=self.node.name,
            hostname=self.node.name,
            pid=1,
            grpc_address=self.node.address,
            queues=("default",),
            labels={},
            capacity=self.world.capacity,
            lease_seconds=config.lease_seconds,
            margin_seconds=config.margin_seconds,
            protocol_version=1,
            capabilities=(capability_of("management_command"),),
            software_version="simulation",
        )

    def _adapters(self, database: ProcessDatabase) -> Adapters:
        world = self.world
        network = cast(Network, ProcessNetwork(world, self))
        return Adapters(
            clock=self.clock,
            cluster=SqlClusterStore(database),
            leader=SqlLeaderStore(database, new_id=world.new_uuid),
            leader_leases=SqlLeaseStore(database, purpose="leader"),
            leases=SqlLeaseStore(database),
            config_leases=SqlLeaseStore(database),
            runs=SqlWorkerStore(database),
            lock=SimulatedLock(self._caller),
            presence=SimulatedPresence(self._caller),
            bell=SimulatedBell(world, self, self._caller),
            link=FakeWorkerLink(network, self.node.name),
            host=self.host,
            spool=self.spool,
            journal=MemoryJournal(),
            ping_fanout=SideBySide(world, self.life),
            dispatch_fanout=SideBySide(world, self.life),
            new_uuid=world.new_uuid,
            new_worker_id=world.new_worker_id,
            random=world.random,
            prepare=self._prepare,
            reload=lambda: None,
            read_log=lambda run_id, offset, limit: LogChunk(b"", 0, 0, True),
            term_changed=lambda term: None,
        )

    def _prepare(self, orders: Sequence[StartOrder], worker_id: str) -> Preparation:
        return lambda claimed: {order.run_id: self._prepare_one(order) for order in claimed}

    def _prepare_one(self, order: StartOrder) -> LaunchSpec:
        self.world.orders[order.run_id] = order
        return LaunchSpec(
            order.run_id,
            (order.command,),
            {"SCHEDULER_FENCING_TOKEN": str(order.assign_seq)},
            f"/logs/{order.run_id}",
            timeout_seconds=order.timeout_seconds,
            kill_grace_seconds=order.kill_grace_seconds,
        )

    def _happened(self, events: Sequence[object]) -> None:
        self.parts.agent.happened(events)  # type: ignore[arg-type]

    def _salvage(self, now: float) -> float:
        """As ``bootstrap.salvage``: replay what dead processes of this machine spooled."""
        for spool in [spool for spool in self.node.spools if not spool.in_use]:
            results = spool.pending()
            try:
                if results:
                    self._salvage_store.finish(self.name, results)
            except DatabaseUnavailable:
                continue
            if spool in self.node.spools:
                self.node.spools.remove(spool)
        return now + SALVAGE_SECONDS


class Node:
    """A machine of the cluster; ``process`` is None while no worker runs there."""

    def __init__(self, name: str, time: MachineTime, wall_skew: float) -> None:
        self.name, self.time, self.wall_skew = name, time, wall_skew
        self.address = f"{name}:7000"
        self.process: Process | None = None
        self.spools: list[MemorySpool] = []
        self.starts = 0
