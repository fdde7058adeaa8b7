"""The assigner under the storm guard, over real rows and a clock of the test's: whoever leads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from scheduler.domain.values import RunState
from scheduler.runtime.assigner import Assigner
from scheduler.runtime.config import RuntimeConfig
from scheduler.runtime.dispatcher import Dispatcher
from scheduler.runtime.member import Term
from scheduler.store.leader import SqlLeaderStore
from scheduler.store.sqlite import SqliteDatabase
from scheduler.store.statements import Statement
from tests.contract.store.world import T0, World, result


class Time:
    def __init__(self) -> None:
        self.at = T0

    def now(self) -> datetime:
        return self.at

    def boottime(self) -> float:
        return (self.at - T0).total_seconds() + 1000.0

    def observe(self, db_now: datetime, asked_at: float, answered_at: float) -> None:
        """It is right already."""

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Mute:
    def start(self, *_: object) -> None:
        """The workers of these tests look for themselves."""


class CountingStore(SqlLeaderStore):
    """Counts the looks at starts."""

    looks = 0

    def starts(self, *args: Any, **kwargs: Any) -> Any:
        self.looks += 1
        return super().starts(*args, **kwargs)


class Cluster:
    """Real rows, one worker, and leaders that come and go."""

    def __init__(self, path: Path) -> None:
        self.time = Time()
        self.database = SqliteDatabase(path, clock=self.time.now, synchronous="OFF")
        self.world = World(self.database)
        self.world.worker("w-1", capacity=1000, capabilities=("executor:management_command",))
        self.config = RuntimeConfig()
        self.leaders = 0
        self.store = CountingStore(self.database)
        self.lead()

    def lead(self) -> None:
        """Another leader, that remembers nothing."""
        self.leaders += 1
        self.store.close()
        self.store = CountingStore(self.database)
        fence = self.world.elect(f"leader-{self.leaders}")
        self.term = Term(fence.epoch, fence.term_id, f"leader-{self.leaders}", 0.0, 0.0)
        self.assigner = Assigner(
            self.store,
            cast("Dispatcher", Mute()),
            self.time,
            lambda: self.config,
            lambda worker_id: "",
        )

    def tick(self, *, paused: bool = False) -> float:
        self.store.spawn_retries(self.world.fence, 100)
        workers = self.world.leases.live()
        return self.assigner.tick(self.term, workers, paused=paused)

    def claim(self, limit: int = 1000) -> list[tuple[UUID, UUID]]:
        rows = self.world.session.run(
            Statement("SELECT id, assign_seq FROM scheduler_job_run WHERE state = 'ASSIGNED'")
        )
        claims = [(UUID(row[0]), row[1], uuid4()) for row in rows[:limit]]
        self.world.workers.claim("w-1", claims, hold_seq=0)
        return [(run, token) for run, _, token in claims]

    def fail(self, claimed: list[tuple[UUID, UUID]], delay: float | None) -> None:
        self.world.workers.finish(
            "w-1",
            [
                result(run, token, RunState.FAILED, retry_delay_seconds=delay)
                for run, token in claimed
            ],
        )

    def begun(self) -> list[float]:
        rows = self.world.session.run(
            Statement("SELECT started_at FROM scheduler_job_run WHERE started_at IS NOT NULL")
        )
        instants = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC) for row in rows]
        return sorted((each - T0).total_seconds() for each in instants)

    def reasons(self) -> dict[str, int]:
        rows = self.world.session.run(
            Statement("SELECT reason, count(*) FROM scheduler_job_run GROUP BY reason")
        )
        return {row[0]: row[1] for row in rows}

    def plan(self, definition: int, count: int) -> None:
        for _ in range(count):
            self.world.plan_request(definition)


@pytest.fixture
def cluster(sqlite) -> Iterator[Cluster]:
    cluster = Cluster(Path(sqlite.dsn.removeprefix("sqlite:///")))
    yield cluster
    cluster.store.close()
    cluster.world.close()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("of_cluster", [False, True], ids=["job", "cluster"])
def test_whoever_leads_and_whenever_workers_claim_no_minute_sees_more_starts(
    cluster: Cluster, seed: int, of_cluster: bool
):
    dice, cap = Random(seed), 4
    definition = cluster.world.define()
    if of_cluster:
        cluster.config = RuntimeConfig(start_cap_per_minute=cap)
    else:
        cluster.world.limit(definition, start_cap_per_minute=cap)
    cluster.time.forward(10)
    cluster.plan(definition, 30)
    for _ in range(200):
        due_in = cluster.tick()
        if dice.random() < 0.1:
            cluster.lead()
        if dice.random() < 0.7:
            cluster.claim(dice.randint(1, 6))
        cluster.time.forward(dice.choice([0.01, 0.5, 3.0, min(due_in, 61.0)]))
    begun = cluster.begun()
    assert len(begun) > 2 * cap
    assert min(b - a for a, b in zip(begun, begun[cap:], strict=False)) >= 60.0 - 1e-6


def test_all_of_a_storm_start_in_their_turn(cluster: Cluster):
    definition = cluster.world.define()
    cluster.world.limit(definition, start_cap_per_minute=3)
    cluster.time.forward(10)
    cluster.plan(definition, 7)
    ticks = 0
    while len(cluster.begun()) < 7:
        ticks += 1
        due_in = cluster.tick()
        cluster.claim()
        cluster.time.forward(max(due_in, 0.001))
    assert cluster.begun()[-1] == pytest.approx(130.0, abs=0.5)
    # It sleeps until the next turn.
    assert ticks < 10


def test_what_waits_is_told_once_and_anew_when_its_turn_has_moved(cluster: Cluster):
    definition = cluster.world.define()
    cluster.world.limit(definition, start_cap_per_minute=1)
    cluster.time.forward(10)
    first, second = (cluster.world.plan_request(definition) for _ in range(2))
    cluster.tick()
    assert cluster.world.detail(second, "reason_detail").endswith("06:01:10+00:00")
    cluster.time.forward(20)
    cluster.tick()
    assert cluster.world.detail(second, "reason_detail").endswith("06:01:10+00:00")
    # The first is claimed late only.
    cluster.time.forward(40)
    cluster.claim()
    cluster.tick()
    assert cluster.world.state(first) is RunState.RUNNING
    assert cluster.world.detail(second, "reason_detail").endswith("06:02:10+00:00")


def test_nothing_is_looked_up_while_no_guarded_run_waits(cluster: Cluster):
    plain, guarded = cluster.world.define("plain"), cluster.world.define("guarded")
    cluster.world.limit(
        guarded,
        start_cap_per_minute=5,
        retry_budget_per_hour=5,
        quarantine_after_failures=5,
    )
    cluster.time.forward(10)
    cluster.plan(plain, 3)
    cluster.tick()
    assert cluster.store.looks == 0
    cluster.plan(guarded, 1)
    cluster.tick()
    assert cluster.store.looks == 1
    cluster.tick()
    assert cluster.store.looks == 1


def test_of_a_storm_of_retries_the_budget_starts_some_holds_as_many_and_gives_up_the_rest(
    cluster: Cluster,
):
    definition = cluster.world.define()
    cluster.world.limit(definition, retry_budget_per_hour=2, quarantine_after_failures=3)
    cluster.time.forward(10)
    cluster.plan(definition, 7)
    cluster.tick()
    cluster.fail(cluster.claim(), delay=1.0)
    cluster.time.forward(2)
    cluster.tick()
    assert cluster.reasons() == {"": 9, "WAIT_RETRY_BUDGET": 2, "RETRY_BUDGET": 3}
    # That made three slots that failed for good.
    cluster.tick()
    assert cluster.reasons() == {"": 9, "WAIT_QUARANTINED": 2, "RETRY_BUDGET": 3}
    world = cluster.world
    assert world.value("SELECT failures_in_row FROM scheduler_job_definition") == 3
    assert world.value("SELECT quarantined_at IS NOT NULL FROM scheduler_job_definition")
    codes = world.session.run(Statement("SELECT code FROM scheduler_alert ORDER BY id"))
    assert [row[0] for row in codes] == ["RETRY_BUDGET_EXHAUSTED", "QUARANTINE_BEGUN"]


def test_held_retries_start_within_the_hour(cluster: Cluster):
    definition = cluster.world.define()
    cluster.world.limit(definition, retry_budget_per_hour=2)
    cluster.time.forward(10)
    cluster.plan(definition, 4)
    cluster.tick()
    cluster.fail(cluster.claim(), delay=0.0)
    cluster.tick()
    cluster.claim()
    assert cluster.reasons()["WAIT_RETRY_BUDGET"] == 2
    cluster.lead()
    cluster.time.forward(3599)
    cluster.tick()
    assert cluster.claim() == []
    cluster.time.forward(1)
    cluster.tick()
    assert len(cluster.claim()) == 2


def test_a_paused_cluster_counts_and_starts_nothing(cluster: Cluster):
    definition = cluster.world.define()
    cluster.world.limit(definition, start_cap_per_minute=3)
    cluster.time.forward(10)
    cluster.plan(definition, 2)
    cluster.tick(paused=True)
    assert cluster.reasons() == {"WAIT_PAUSED": 2}
    cluster.tick()
    assert len(cluster.claim()) == 2
