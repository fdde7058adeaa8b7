"""What one no-op management command costs through the whole path, in CPU seconds.

Planned, assigned, dispatched, claimed, forked, reaped, finished: all that the processes of the
workers do, against a cold ``manage.py noop``. The cluster's own upkeep is part of each figure.
"""

import time

from scheduler_demo.services import wait_until
from tests.benchmarks.whole_path_bench import (
    BenchCluster,
    Report,
    cluster,
    cold_command,
    cpu_of,
    median,
)

RUNS, ROUNDS, COLD = 200, 3, 9
GOAL = 20.0


def measure(runs: int = RUNS) -> Report:
    """Runs asked for at once, and one by one at a gentle rate, in turns with cold commands."""
    with cluster(workers=2) as made:
        made.define([{"name": "noop", "command_name": "noop", "schedule": None}])
        _burst(made, 20)
        cold, batched, single, upkeep = [], [], [], []
        for _ in range(ROUNDS):
            cold += cold_command(made, "noop", COLD // ROUNDS)
            upkeep.append(_cost(made, 0))
            batched.append(_cost(made, runs))
            single.append(_cost(made, runs // 4, pause_seconds=0.1))
    return _report(median(cold), batched, single, upkeep)


def _report(cold: float, batched: list, single: list, upkeep: list) -> Report:
    one, each = median([w for w, _ in batched]), median([w for w, _ in single])
    idle = median([w for w, _ in upkeep])
    return Report(
        "CPU of a no-op command through the whole path",
        [
            ("cold manage.py noop", f"{cold * 1000:.0f} ms"),
            ("a run, of many at once", f"{one * 1000:.1f} ms, 1/{cold / one:.0f} of cold"),
            ("  and in PostgreSQL", f"{median([p for _, p in batched]) * 1000:.1f} ms"),
            ("a run, one at a time, ten a second", f"{each * 1000:.1f} ms, 1/{cold / each:.0f}"),
            ("  and in PostgreSQL", f"{median([p for _, p in single]) * 1000:.1f} ms"),
            ("two workers idle", f"{idle * 100:.2f} % of a core"),
        ],
        {
            "cold_seconds": cold,
            "batched_seconds": one,
            "batched_ratio": cold / one,
            "single_seconds": each,
            "single_ratio": cold / each,
            "idle_cores": idle,
            "goal_ratio": GOAL,
        },
    )


def _cost(made: BenchCluster, runs: int, pause_seconds: float = 0.0) -> tuple[float, float]:
    """CPU seconds per run in the workers and in PostgreSQL; with no runs, per second of idling."""
    before = cpu_of(made)
    if runs == 0:
        time.sleep(5.0)
    elif pause_seconds:
        _trickle(made, runs, pause_seconds)
    else:
        _burst(made, runs)
    used = cpu_of(made).since(before)
    return used.workers / (runs or 5.0), used.postgres / (runs or 5.0)


def _burst(made: BenchCluster, runs: int) -> None:
    goal = made.finished() + runs
    made.request_runs("noop", runs)
    assert wait_until(lambda: made.finished() >= goal, 120.0), made.outcomes()


def _trickle(made: BenchCluster, runs: int, pause_seconds: float) -> None:
    goal = made.finished() + runs
    for _ in range(runs):
        made.request_runs("noop", 1)
        time.sleep(pause_seconds)
    assert wait_until(lambda: made.finished() >= goal, 120.0), made.outcomes()
