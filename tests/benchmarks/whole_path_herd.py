"""200 definitions due at the same second: how late each starts, and the floor beside it.

The floor is the fork rate: one fork server of the same project, run in turns with the cluster, with
nothing before or after it. Two of the three workers take runs (the third leads), on two cores.
"""

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler_demo.services import wait_until
from tests.benchmarks.fork_path import SETTINGS, Bench
from tests.benchmarks.whole_path_bench import (
    BenchCluster,
    Report,
    cluster,
    lateness_ms,
    median,
    shown,
    spread,
)

JOBS, ROUNDS = 200, 3
PLACES = (8, 100)
"""Per worker: the default of SCHEDULER_MAX_JOBS_PER_WORKER, and enough for all."""


def measure(jobs: int = JOBS) -> Report:
    """Rounds of one common instant each, with few and with many places per worker."""
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    rows: list[tuple[str, str]] = []
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="fork-path-") as folder:
        forks = Bench(folder, None)
        try:
            for places in PLACES:
                spreads, rate, floor = _with(places, jobs, forks)
                rows += [(f"{places} places a worker", shown(each)) for each in spreads]
                rows.append(("  starts per second", f"{rate:.0f}; floor {floor:.0f}"))
                figures[f"places_{places}"] = {
                    "lateness_ms": spreads,
                    "starts_per_second": rate,
                    "floor_per_second": floor,
                }
        finally:
            forks.host.stop(1.0)
    return Report(f"{jobs} definitions due at the same second", rows, figures)


def _with(places: int, jobs: int, forks: Bench) -> tuple[list[dict[str, float]], float, float]:
    spreads, rates, floors = [], [], []
    settings = {"SCHEDULER_MAX_JOBS_PER_WORKER": str(places)}
    with cluster(workers=3, evidence=True, settings=settings) as made:
        made.define([_job(number) for number in range(jobs)])
        for _ in range(ROUNDS):
            late = _round(made, jobs)
            spreads.append(spread(late))
            rates.append(jobs / late[-1] * 1000)
            floors.append(jobs / forks.batch(jobs)[1])
    return spreads, median(rates), median(floors)


def _round(made: BenchCluster, jobs: int) -> list[float]:
    """The lateness of each run of one common instant, in milliseconds, sorted."""
    due = (datetime.now(UTC) + timedelta(seconds=8)).replace(microsecond=0)
    skip = len(made.evidence())
    made.sql(_ALL_AT, due.isoformat())
    made.ring("leader")

    def starts() -> list[float]:
        return lateness_ms(made.evidence()[skip:])

    assert wait_until(lambda: len(starts()) >= jobs, 60.0), made.outcomes()
    time.sleep(1.0)
    return starts()


_ALL_AT = """
    UPDATE scheduler_job_definition
    SET revision = revision + 1, edited_at = now(), next_fire_at = now(), schedule_since = now(),
        schedule = jsonb_build_object('kind', 'once', 'at', %s::text)
"""


def _job(number: int) -> dict[str, Any]:
    return {"name": f"herd-{number:03}", "command_name": "noop", "schedule": None}
