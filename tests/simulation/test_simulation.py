"""Whole lives of a cluster, each drawn from a seed; the auditor judges every step of them.

To see the story of one: ``python -m tests.simulation --scenario NAME --seed N``.
"""

from contextlib import closing
from dataclasses import replace

import pytest

from tests.simulation.auditor import PromiseBroken
from tests.simulation.scenarios import (
    CALM_HOUR,
    CHAOS,
    DEFAULTS,
    DEPOSED,
    ECHOES,
    GUARDED,
    SIEGE,
    STALLS,
    STORMY,
    SUCCESSIONS,
    VARIED,
)
from tests.simulation.world import World, simulate


@pytest.mark.parametrize("seed", range(8))
def test_every_slot_has_one_outcome_whatever_befalls_machines_lines_and_servers(seed: int) -> None:
    simulate(seed, CHAOS)


@pytest.mark.parametrize("seed", range(4))
def test_a_cluster_of_one_and_a_full_one_keep_the_same_promises(seed: int) -> None:
    simulate(seed, VARIED)


@pytest.mark.parametrize("seed", range(2))
def test_every_slot_has_one_outcome_at_the_default_timings(seed: int) -> None:
    simulate(seed, DEFAULTS)


@pytest.mark.parametrize("seed", range(6))
def test_lost_late_and_doubled_calls_lose_and_double_no_run(seed: int) -> None:
    simulate(seed, STORMY)


@pytest.mark.parametrize("seed", range(6))
def test_processes_stopped_in_the_middle_of_anything_break_no_promise(seed: int) -> None:
    simulate(seed, STALLS)


@pytest.mark.parametrize("seed", range(4))
def test_a_worker_gives_up_before_its_runs_are_tried_elsewhere(seed: int) -> None:
    simulate(seed, SIEGE)


@pytest.mark.parametrize("seed", range(3))
def test_old_pings_keep_no_process_alive(seed: int) -> None:
    simulate(seed, ECHOES)


@pytest.mark.parametrize("seed", range(3))
def test_a_new_leader_waits_for_the_leases_that_an_earlier_one_carried(seed: int) -> None:
    simulate(seed, SUCCESSIONS)


@pytest.mark.parametrize("seed", range(3))
def test_a_deposed_leader_writes_nothing_more(seed: int) -> None:
    simulate(seed, DEPOSED)


@pytest.mark.parametrize("seed", range(4))
def test_no_cap_is_exceeded_and_nothing_is_lost_whatever_befalls_a_guarded_cluster(
    seed: int,
) -> None:
    simulate(seed, GUARDED)


def test_an_hour_of_healthy_running_under_load_has_exactly_one_term() -> None:
    world = simulate(0, CALM_HOUR)
    assert len(world.auditor.terms) == 1
    assert world.auditor.processes > 1000


def test_cutting_off_the_subleader_alone_deposes_nobody() -> None:
    with closing(World(1, replace(CALM_HOUR, seconds=900.0))) as world:
        world.let_happen(30.0)
        leader, subleader = world.sql(
            "SELECT leader_worker_id, subleader_worker_id FROM scheduler_cluster", ()
        )[0]
        cut = next(
            node
            for node in world.nodes
            if node.process is not None and node.process.parts.member.worker_id == subleader
        )
        world.cut_off(cut, 600.0)
        world.lines.no_redis.add(cut.name)
        world.let_happen(800.0)
        assert world.auditor.terms == {1: leader}


def test_the_same_seed_tells_the_same_story() -> None:
    first, second = (simulate(3, STORMY, tell=True).story for _ in range(2))
    assert first == second
    assert len(first) > 100


def test_a_broken_promise_names_its_scenario_and_seed() -> None:
    """Here the books are checked while runs are still going on."""
    hasty = replace(CHAOS, name="hasty", settle_seconds=1.0, only_long_runs=True)
    with pytest.raises(PromiseBroken, match=r"hasty seed 5: at the end: run r-\w+ is still"):
        simulate(5, hasty)
