"""The kinds of worlds that seeds are drawn for."""

from dataclasses import replace

from scheduler.runtime.config import RuntimeConfig
from tests.simulation.world import Scenario

SHORT = RuntimeConfig(
    lease_seconds=10.0,
    margin_seconds=6.0,
    kill_grace_seconds=2.0,
    lease_renew_seconds=2.0,
    trust_seconds=4.0,
    trust_margin_seconds=0.5,
    leader_stale_seconds=4.0,
    continuation_confirm_seconds=5.0,
)
"""Shorter leases: more happens in the same time."""

CHAOS = Scenario("chaos", config=SHORT)
DEFAULTS = Scenario("defaults", seconds=600.0, faults=16)
CALM_HOUR = Scenario("calm", nodes=4, jobs=6, seconds=3600.0, faults=0)

SCENARIOS = {one.name: one for one in (CHAOS, DEFAULTS, CALM_HOUR)}


def only(scenario: Scenario, *kinds: str, faults: int) -> Scenario:
    """The same world, visited by these kinds of faults alone."""
    return replace(scenario, kinds=kinds, faults=faults)
