"""2,000 no-op runs asked for at once: runs per second, and PostgreSQL statements per run."""

import time

from scheduler_demo.services import wait_until
from tests.benchmarks.whole_path_bench import BenchCluster, Report, cluster, cpu_of

RUNS = 2000


def measure(runs: int = RUNS) -> Report:
    """Three workers with eight places each, of which the leader's are empty."""
    with cluster(workers=3) as made:
        made.define([{"name": "noop", "command_name": "noop", "schedule": None}])
        run_all(made, 50)
        made.start_statement_count()
        before = cpu_of(made)
        seconds = run_all(made, runs)
        used = cpu_of(made).since(before)
        statements = made.statements()
        assert set(made.outcomes()) == {"SUCCEEDED"}, made.outcomes()
    calls = sum(count for count, _, _ in statements)
    cores = (used.workers + used.postgres) / seconds
    rows = [
        ("runs", f"{runs}, all succeeded"),
        ("runs per second", f"{runs / seconds:.0f} ({seconds:.1f} s)"),
        ("statements per run", f"{calls / runs:.2f} ({calls} in all)"),
        ("CPU per run: workers, PostgreSQL", _milliseconds(used.workers, used.postgres, runs)),
        ("cores in use", f"{cores:.2f}"),
    ]
    rows += [
        (f"  {count} x {took / count:.2f} ms", text[:90]) for count, took, text in statements[:12]
    ]
    figures = {
        "runs_per_second": runs / seconds,
        "statements_per_run": calls / runs,
        "worker_cpu_seconds_per_run": used.workers / runs,
        "postgres_cpu_seconds_per_run": used.postgres / runs,
    }
    return Report(f"{runs} no-op runs at once", rows, figures)


def _milliseconds(workers: float, postgres: float, runs: int) -> str:
    return f"{workers / runs * 1000:.1f} ms, {postgres / runs * 1000:.1f} ms"


def run_all(made: BenchCluster, runs: int) -> float:
    """Seconds from the request to the last outcome."""
    goal = made.finished() + runs
    began = time.monotonic()
    made.request_runs("noop", runs)
    assert wait_until(lambda: made.finished() >= goal, 300.0), made.outcomes()
    return time.monotonic() - began
