"""The parts of one worker, wired together from its adapters: threads or a simulation drive them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from threading import Event
from uuid import UUID

from scheduler.domain.errors import StaleEpoch
from scheduler.domain.values import RunResult, WorkerFacts
from scheduler.ports import (
    Bell,
    Clock,
    ClusterStore,
    Journal,
    LeaderLock,
    LeaderStore,
    LeaseStore,
    LogChunk,
    Presence,
    ProcessHost,
    Spool,
    WorkerLink,
    WorkerStore,
)
from scheduler.runtime.agent import Agent
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.courier import Courier
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.engine import Engine
from scheduler.runtime.fanout import Fanout
from scheduler.runtime.leadership import Leadership, LockBeater
from scheduler.runtime.lease import LeaseKeeper
from scheduler.runtime.linker import Linker
from scheduler.runtime.member import Member, Term
from scheduler.runtime.pinger import Pinger
from scheduler.runtime.planner import Planner
from scheduler.runtime.presence import PresenceKeeper
from scheduler.runtime.reaper import Reaper
from scheduler.runtime.reloader import Reloader
from scheduler.runtime.service import WorkerCommands
from scheduler.runtime.starter import Prepare


@dataclass(frozen=True)
class Adapters:
    """All that a worker talks to. ``cluster``, ``leader`` and ``leader_leases`` belong to the
    leadership thread, ``config_leases`` to the reloader. ``runs_finished`` is handed the committed
    results of this worker's runs, by the thread that needs them written: it must not wait."""

    clock: Clock
    cluster: ClusterStore
    leader: LeaderStore
    leader_leases: LeaseStore
    leases: LeaseStore
    config_leases: LeaseStore
    runs: WorkerStore
    lock: LeaderLock
    presence: Presence
    bell: Bell
    link: WorkerLink
    host: ProcessHost
    spool: Spool
    journal: Journal
    ping_fanout: Fanout
    dispatch_fanout: Fanout
    new_uuid: Callable[[], UUID]
    new_worker_id: Callable[[], str]
    random: Random
    prepare: Prepare
    reload: Callable[[], None]
    read_log: Callable[[UUID, int, int], LogChunk]
    term_changed: Callable[[Term | None], None]
    runs_finished: Callable[[Sequence[RunResult]], None] | None = None


class Parts:
    """One worker, assembled; ``wakes`` are the bells of its loops."""

    def __init__(
        self, facts: WorkerFacts, adapters: Adapters, config: Callable[[], RuntimeConfig]
    ) -> None:
        a = adapters
        self.adapters, self.config = a, config
        self.agent_wake, self.leader_wake = Event(), Event()
        self.member = Member(facts, a.new_worker_id)
        self.agent = Agent(
            self.member,
            a.runs,
            a.host,
            a.spool,
            a.journal,
            config,
            a.prepare,
            a.new_uuid,
            a.random,
            self.agent_wake,
            lambda: a.bell.ring("leader"),
            a.runs_finished,
        )
        self.member.on_fail_over = self.agent.check_now
        self.lease = LeaseKeeper(
            self.member, a.leases, a.host, a.clock, a.bell, config, self.agent.abandon
        )
        self.reloader = Reloader(self.member, a.config_leases, a.reload)
        self.service = WorkerCommands(
            self.member, self.agent, self.lease, a.clock, self.reloader.to, a.read_log
        )
        self.pinger = Pinger(a.link, a.clock, a.ping_fanout, config, self._depose)
        self.dispatcher = Dispatcher(
            a.link,
            a.clock,
            a.dispatch_fanout,
            a.bell,
            self._depose,
            self.pinger.refused_runs,
        )
        self.engine = self._engine()
        self.leadership = Leadership(
            self.member,
            a.cluster,
            a.leader_leases,
            a.lock,
            a.link,
            a.bell,
            a.clock,
            self.engine,
            config,
            a.new_uuid,
            self.leader_wake,
        )
        self.beater = LockBeater(self.leadership, a.lock, a.clock, config)
        self.presence = PresenceKeeper(self.member, self.agent, a.presence, config)

    def _engine(self) -> Engine:
        a, config = self.adapters, self.config
        return Engine(
            a.cluster,
            a.leader_leases,
            a.leader,
            Planner(a.leader, a.clock, config, a.new_uuid),
            Linker(a.leader, a.clock, config, a.new_uuid),
            Assigner(a.leader, self.dispatcher, a.clock, config, self.pinger.refuses),
            Reaper(
                a.leader,
                a.leader_leases,
                self.pinger,
                self.dispatcher,
                a.link,
                a.dispatch_fanout,
                a.clock,
                config,
            ),
            self.pinger,
            self.dispatcher,
            Courier(a.link, a.dispatch_fanout),
            a.term_changed,
        )

    def _depose(self, error: StaleEpoch) -> None:
        self.leadership.depose(error)

    @property
    def topics(self) -> tuple[str, ...]:
        """What this worker listens for; its own topic is its address, which outlives its id."""
        return ("leader", "election", "workers", f"worker:{self.member.facts.grpc_address}")

    def rang(self, topic: str) -> None:
        """The bell rang for ``topic``."""
        if topic == "election":
            self.leadership.look_now()
        elif topic.startswith("worker:"):
            self.agent.check_now()
        elif self.leadership.term is not None:
            if topic == "workers":
                self.engine.survey_now()
            self.leader_wake.set()
