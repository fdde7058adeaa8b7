"""Single moments, scripted to the statement: what a stop exactly there must not break."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from tests.simulation import shortcuts
from tests.simulation.auditor import PromiseBroken
from tests.simulation.node import Process
from tests.simulation.scenarios import SHORT
from tests.simulation.world import Moment, Scenario, World

SCRIPT = Scenario(
    "script",
    nodes=3,
    jobs=2,
    seconds=150.0,
    faults=0,
    only_long_runs=True,
    config=replace(SHORT, reassign_assigned_after_seconds=60.0),
)

CLAIM = "claim_token = p.claim_token"
MARK_LOST = "SET state = 'LOST'"
REGISTER = "INSERT INTO scheduler_worker_lease"


def follows(process: Process) -> bool:
    return not process.leads


@contextmanager
def scripted(*moments: Moment, scenario: Scenario = SCRIPT) -> Iterator[World]:
    with closing(World(1, scenario, tell=True)) as world:
        world.moments.extend(moments)
        yield world


def lease_states(world: World) -> dict[str, str]:
    rows = world.sql("SELECT worker_id, state FROM scheduler_worker_lease", ())
    return {row[0]: row[1] for row in rows}


def lost_in_the_middle_of_a_claim() -> tuple[Moment, Moment]:
    """A worker is stopped before its claim until the leader, which stalls, has called it lost."""
    return (
        Moment("worker", CLAIM, "before", 18.5, of=follows, not_before=40.0),
        Moment("leader", MARK_LOST, "answered", 10.0, whole_process=False),
    )


def test_a_worker_that_was_called_lost_cannot_claim_any_more() -> None:
    claim, stall = lost_in_the_middle_of_a_claim()
    with scripted(claim, stall) as world:
        world.let_happen(100.0)
        assert claim.come_at is not None
        assert stall.come_at is not None
        assert stall.come_at < claim.come_at + claim.seconds, "the claim came before the loss"
        assert "LOST" in lease_states(world).values()


def test_without_the_live_lease_in_the_claim_that_worker_would_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shortcuts.claim_without_a_live_lease(monkeypatch)
    with (
        scripted(*lost_in_the_middle_of_a_claim()) as world,
        pytest.raises(PromiseBroken, match="whose lease is LOST"),
    ):
        world.let_happen(100.0)


def claim_answered_in_the_next_life() -> Moment:
    """One thread waits for its claim's answer while another gives up the lease and joins again."""
    return Moment(
        "worker",
        CLAIM,
        "answered",
        14.0,
        of=follows,
        whole_process=False,
        not_before=30.0,
        then=lambda process: process.world.cut_off(process.node, 11.5),
    )


def test_a_claim_answered_after_the_worker_joined_again_starts_nothing() -> None:
    claim = claim_answered_in_the_next_life()
    with scripted(claim) as world:
        world.let_happen(100.0)
        assert claim.come_at is not None
        assert "LOST" in lease_states(world).values(), "the worker kept its lease"


def test_if_it_started_that_claim_its_process_would_outlive_the_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shortcuts.rejoined_worker_starts_old_claims(monkeypatch)
    with (
        scripted(claim_answered_in_the_next_life()) as world,
        pytest.raises(PromiseBroken, match="while its process was alive"),
    ):
        world.let_happen(100.0)


def test_a_worker_whose_registration_was_never_answered_joins_under_a_new_name() -> None:
    def cut(process: Process) -> None:
        process.world.cut_off(process.node, 26.0)

    register = Moment(
        "lease", REGISTER, "executed", 25.0, of=lambda process: process.node.name == "n3", then=cut
    )
    with scripted(register, scenario=replace(SCRIPT, seconds=120.0)) as world:
        world.let_happen(90.0)
        third = world.nodes[2].process
        assert register.come_at is not None
        assert third is not None
        assert third.parts.member.joined
        assert sorted(lease_states(world).values()) == ["LIVE", "LIVE", "LIVE", "LOST"]
