"""A whole cluster in one thread of time: machines, RDB, Redis, network, jobs, operators, auditor.

``World(seed, scenario)`` draws everything from the seed; ``live()`` lets it happen: the time of
faults, then healing, then settling until nothing is left to come, and the books are checked.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import structlog

from scheduler.domain.values import StartOrder
from scheduler.runtime.config import RuntimeConfig
from scheduler.store.statements import Statement
from scheduler.testing.redis import RedisState
from tests.simulation import jobs as job_writes
from tests.simulation import ledger
from tests.simulation.auditor import Auditor, PromiseBroken
from tests.simulation.database import SharedDatabase, cluster_time
from tests.simulation.host import Behaviour
from tests.simulation.jobs import Job
from tests.simulation.lines import Lines
from tests.simulation.machine import EPOCH, MachineTime
from tests.simulation.node import Node, Process
from tests.simulation.timeline import Life, Timeline
from tests.simulation.weather import CALM, Dice, Odds

DRIFT = 0.0005
"""Clocks part by at most twice this share: ``domain.liveness.CLOCK_DRIFT``."""

WALL_SKEW_SECONDS = 300.0
SETTLE_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """What kind of world: all times in seconds. ``faults`` are drawn by ``faults.plan``."""

    name: str = "chaos"
    nodes: int = 3
    jobs: int = 5
    capacity: int = 8
    seconds: float = 300.0
    settle_seconds: float = 7200.0
    faults: int = 12
    kinds: tuple[str, ...] = ()
    """Names of fault kinds to draw from; empty: all."""
    varied: bool = False
    """One to five nodes, room for one to eight runs on each, as the seed says."""
    fault_seconds: float = 30.0
    """How long a fault usually lasts at most; some last four times as long."""
    leader_share: float = 0.5
    """How often a fault of a machine is one of the leader's; the others share the rest."""
    guarded: bool = False
    """Most jobs have limits of the storm guard."""
    only_long_runs: bool = False
    """Each job's runs outlive leases, may overlap and are retried however often orphaned."""
    odds: Odds = CALM
    config: RuntimeConfig = field(default_factory=RuntimeConfig)


@dataclass(slots=True)
class Moment:
    """A stop at an exact place of the code, once: ``where`` (before, executed, answered) a
    statement of this purpose whose text holds ``text``, in a process that ``of`` accepts. Of the
    whole process, or of the one thread only; ``then`` says what else happens at that instant."""

    purpose: str
    text: str
    where: str
    seconds: float
    of: Callable[[Process], bool] = lambda process: True
    whole_process: bool = True
    not_before: float = 0.0
    then: Callable[[Process], None] = lambda process: None
    come_at: float | None = None

    def has_come(self, process: Process, purpose: str, where: str, statement: Statement) -> bool:
        if self.come_at is not None or (self.purpose, self.where) != (purpose, where):
            return False
        if process.world.timeline.now < self.not_before or not self.of(process):
            return False
        return any(self.text in text for text in (*statement.steps.values(), statement.result))


class World:
    """See the module."""

    def __init__(self, seed: int, scenario: Scenario, *, tell: bool = False) -> None:
        self.seed, self.scenario, self.config = seed, scenario, scenario.config
        self.random = Random(f"{scenario.name}:{seed}")
        self.timeline = Timeline(self._after_each)
        self.story: list[str] = []
        self._tells = tell
        self.capacity, nodes = scenario.capacity, scenario.nodes
        if scenario.varied:
            self.capacity, nodes = self.random.choice([1, 2, 8]), self.random.randint(1, 5)
        self.kill_seconds = self._draw_kill_seconds()
        self.database = SharedDatabase(lambda: cluster_time(self.timeline.now))
        self.redis = RedisState(lambda: self.timeline.now)
        self.lines = Lines()
        self.rdb_dice, self.redis_dice, self.rpc_dice = (Dice(self.random) for _ in range(3))
        self._pause_dice = Dice(self.random)
        self.auditor = Auditor(self)
        self.orders: dict[UUID, StartOrder] = {}
        self.moments: list[Moment] = []
        self.nodes = [self._make_node(number) for number in range(1, nodes + 1)]
        ends_at = EPOCH + timedelta(seconds=scenario.seconds)
        self.jobs: list[Job] = job_writes.draw_jobs(self, scenario.jobs, ends_at)
        self._worker_ids = 0

    # ------------------------------------------------------------------------------ the run

    def live(self) -> None:
        """The whole simulation. Raises PromiseBroken."""
        from tests.simulation import faults

        try:
            for node in self.nodes:
                self.timeline.at(self.random.uniform(0.0, 2.0), self._starting(node))
            faults.plan(self)
            self.timeline.at(self.scenario.seconds, lambda: faults.heal(self))
            self.timeline.at(self.scenario.seconds + SETTLE_LOOK_SECONDS, self._settle)
            end = self.scenario.seconds + self.scenario.settle_seconds
            self.timeline.run(end)
            ledger.check(self)
        finally:
            self.close()

    def let_happen(self, until: float) -> None:
        """The script's own world: processes start at 0, 1, 2... seconds, nothing is drawn."""
        if not any(node.starts for node in self.nodes):
            for number, node in enumerate(self.nodes):
                self.timeline.at(float(number), self._starting(node))
        self.timeline.run(until)

    def cut_off(self, node: Node, seconds: float) -> None:
        """No RDB and no calls for this node, for so long."""
        self.lines.no_rdb.add(node.name)
        pairs = {(node.name, other.address) for other in self.nodes}
        pairs |= {(other.name, node.address) for other in self.nodes}
        self.lines.no_call.update(pairs)

        def mend() -> None:
            self.lines.no_rdb.discard(node.name)
            self.lines.no_call.difference_update(pairs)

        self.timeline.after(seconds, mend)

    def close(self) -> None:
        self.timeline.close()
        self.database.connection.close()

    def _settle(self) -> None:
        if ledger.open_rows(self) == 0:
            self.timeline.halt()
        else:
            self.timeline.after(SETTLE_LOOK_SECONDS, self._settle)

    def _after_each(self) -> None:
        for node in self.nodes:
            if node.process is not None:
                for loop in node.process.woken:
                    loop.nudge()

    # ---------------------------------------------------------------------------- processes

    def start_process(self, node: Node) -> None:
        """A worker process starts on this machine, unless one runs there."""
        if node.process is not None:
            return
        node.starts += 1
        process = Process(self, node, f"{node.name}/{node.starts}")
        node.process = process
        self.trace("start", process=process.name, worker=process.parts.member.worker_id)
        process.start()

    def _starting(self, node: Node) -> Any:
        return lambda: self.start_process(node)

    def process_at(self, address: str) -> Process | None:
        for node in self.nodes:
            if node.address == address:
                return node.process
        return None

    def leader(self) -> Process | None:
        """The process that leads by the cluster row, if it is up."""
        name = self.sql("SELECT leader_worker_id FROM scheduler_cluster", ())[0][0]
        for node in self.nodes:
            if node.process is not None and node.process.parts.member.worker_id == name:
                return node.process
        return None

    def maybe_pause(self, life: Life, where: str) -> None:
        """A place at which the process may be stopped. Raises LifeOver."""
        seconds = self._pause_dice.pause()
        if seconds:
            self.trace("stopped", process=life.name, where=where, seconds=round(seconds, 1))
            life.stop(self.timeline.now + seconds)
            # Parked first, so continued first: nobody else meets a lock that it holds.
            self.timeline.sleep(life.stopped_until - self.timeline.now, life)

    def moments_of(self, process: Process, purpose: str, where: str, statement: Statement) -> None:
        """Stop this process here if a moment of the script says so. Raises LifeOver."""
        for moment in self.moments:
            if moment.has_come(process, purpose, where, statement):
                moment.come_at = self.timeline.now
                self.trace("moment", process=process.name, where=where, seconds=moment.seconds)
                moment.then(process)
                if moment.whole_process:
                    process.life.stop(self.timeline.now + moment.seconds)
                self.timeline.sleep(moment.seconds, process.life)

    def set_weather(self, odds: Odds) -> None:
        """Odds of everything from now on. The RDB is asked far more often than the others."""
        self._pause_dice.odds = self.rpc_dice.odds = odds
        self.redis_dice.odds = odds.rarer(0.3)
        self.rdb_dice.odds = odds.rarer(0.05)

    def usual_odds(self) -> Odds:
        """The scenario's own; calm once the world is healed."""
        return CALM if self.timeline.now >= self.scenario.seconds else self.scenario.odds

    # ------------------------------------------------------------------------------- facts

    def behaviour_of(self, run_id: UUID) -> Behaviour:
        return self.job(self.orders[run_id].definition_id).behave(self.random)

    def job(self, definition_id: int) -> Job:
        return self.jobs[definition_id - 1]

    def is_exclusive(self, definition_id: int) -> bool:
        return self.job(definition_id).is_exclusive

    def current_epoch(self) -> int:
        return int(self.sql("SELECT epoch FROM scheduler_cluster", ())[0][0])

    def sql(self, text: str, params: Any) -> list[tuple[Any, ...]]:
        """As an operator or an auditor: no faults, no judgement."""
        rows = self.database.connection.execute(text, params).fetchall()
        self.auditor.forget_news() if hasattr(self, "auditor") else None
        return rows

    def ring(self, topic: str) -> None:
        """An operator's request rings, if Redis is there."""
        if not self.redis.away:
            self.redis.publish(topic)

    def new_uuid(self) -> UUID:
        """A UUIDv7 of cluster time."""
        millis = int(cluster_time(self.timeline.now).timestamp() * 1000)
        tail = self.random.getrandbits(74)
        low = (0b10 << 62) | (tail & ((1 << 62) - 1))
        return UUID(int=(millis << 80) | (7 << 76) | ((tail >> 62) << 64) | low)

    def new_worker_id(self) -> str:
        self._worker_ids += 1
        return f"w-{self._worker_ids}"

    def trace(self, what: str, **facts: Any) -> None:
        if self._tells:
            told = " ".join(f"{key}={value}" for key, value in facts.items())
            self.story.append(f"{self.timeline.now:10.3f}  {what:16s} {told}")

    # ------------------------------------------------------------------------------- drawn

    def _make_node(self, number: int) -> Node:
        time = MachineTime(self.random.uniform(0.0, 1e6), 1.0 + self.random.uniform(-DRIFT, DRIFT))
        skew = self.random.uniform(-WALL_SKEW_SECONDS, WALL_SKEW_SECONDS)
        return Node(f"n{number}", time, skew)

    def _draw_kill_seconds(self) -> float:
        """How long killing and reaping takes at most here: the margin allows for no more."""
        config = self.config
        budget = config.margin_seconds - 1.5 - 0.001 * config.lease_seconds
        return budget * self.random.choice([0.02, 0.1, 0.5])


def quiet() -> None:
    """The runtime's log lines are not wanted here: the world tells its own story."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=False,
    )


def simulate(seed: int, scenario: Scenario, *, tell: bool = False) -> World:
    """Live through one world; returns it for its figures. Raises PromiseBroken."""
    world = World(seed, scenario, tell=tell)
    world.set_weather(scenario.odds)
    try:
        world.live()
    except PromiseBroken as broken:
        broken.args = (f"{scenario.name} seed {seed}: {broken}",)
        if tell:
            broken.add_note("\n".join(world.story[-400:]))
        raise
    return world


def first_broken(scenario: Scenario, seeds: Sequence[int]) -> tuple[int, PromiseBroken] | None:
    """The first seed that breaks a promise, and how."""
    for seed in seeds:
        try:
            simulate(seed, scenario)
        except PromiseBroken as broken:
            return seed, broken
    return None
