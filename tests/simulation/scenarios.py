"""The kinds of worlds that seeds are drawn for."""

from dataclasses import replace

from scheduler.runtime.config import RuntimeConfig
from tests.simulation.faults import STORM
from tests.simulation.weather import Odds
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
VARIED = Scenario("varied", varied=True, config=SHORT, odds=Odds(pause=0.0002, slow=0.02))
DEFAULTS = Scenario("defaults", seconds=600.0, faults=16)
CALM_HOUR = Scenario("calm", nodes=4, jobs=6, seconds=3600.0, faults=0)

STORMY = Scenario("storm", config=SHORT, odds=STORM, faults=6)
STALLS = Scenario(
    "stalls",
    config=SHORT,
    odds=Odds(pause=0.0006, pause_seconds=60.0, slow=0.03, slow_seconds=14.0),
    kinds=("stop", "crash", "cut_off", "cut_rdb", "cut_calls", "lose_rdb"),
    faults=10,
)
SIEGE = Scenario(
    "siege",
    nodes=4,
    jobs=4,
    config=SHORT,
    only_long_runs=True,
    odds=Odds(late=0.03, late_seconds=60.0, doubled=0.15),
    kinds=("cut_rdb", "cut_rdb", "cut_off", "cut_calls", "crash", "stop", "degrade"),
    faults=9,
    fault_seconds=20.0,
)
"""Long runs under cut lines: who gives up first?"""

ECHOES = Scenario(
    "echoes",
    seconds=200.0,
    jobs=3,
    config=SHORT,
    only_long_runs=True,
    odds=Odds(doubled=0.8, late_seconds=300.0),
    kinds=("cut_off",),
    faults=4,
    fault_seconds=50.0,
    leader_share=0.0,
)
"""Old pings still come in when everything else is cut."""

SUCCESSIONS = Scenario(
    "successions",
    nodes=4,
    seconds=200.0,
    jobs=3,
    config=SHORT,
    only_long_runs=True,
    kinds=("cut_rdb", "cut_rdb", "degrade"),
    faults=10,
    leader_share=0.0,
)
"""Leader after leader, while workers live by the leader's pings."""

DEPOSED = Scenario(
    "deposed",
    nodes=4,
    jobs=8,
    seconds=150.0,
    config=SHORT,
    odds=Odds(slow=0.8, slow_seconds=14.0),
    kinds=("degrade", "edit", "run_now"),
    faults=10,
)
"""Leaders that stand still in the middle of what they write."""

GUARDED = Scenario(
    "guarded",
    guarded=True,
    settle_seconds=40000.0,
    config=replace(SHORT, start_cap_per_minute=12),
    odds=Odds(late=0.03, late_seconds=30.0, slow=0.02),
)
"""Limits of the storm guard, while leaders and workers come and go."""

SCENARIOS = {
    one.name: one
    for one in (
        CHAOS,
        VARIED,
        DEFAULTS,
        CALM_HOUR,
        STORMY,
        STALLS,
        SIEGE,
        ECHOES,
        SUCCESSIONS,
        DEPOSED,
        GUARDED,
    )
}
