"""A backfill on a real cluster whose leader is killed halfway: each slot runs once, at its pace."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from scheduler_demo.ledger import Run
from tests.e2e.cluster import Cluster, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

HOURLY = {"kind": "hourly", "minute": 0}
SLOTS, PACE = 24, 2


def slots_of(runs: list[Run]) -> Counter[datetime]:
    return Counter(run.scheduled_for for run in runs if run.slot_key.startswith("b:"))


def test_each_slot_of_a_backfill_runs_once_though_the_leader_is_killed(cluster: Cluster):
    cluster.define([job("hourly", "noop", HOURLY, max_attempts=3, backoff_seconds=0.2)])
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = (midnight - timedelta(days=2)).date().isoformat()
    epoch, leader = cluster.epoch, cluster.the_leader()
    cluster.manage("scheduler_backfill", "hourly", "--from", day, "--to", day, "--pace", str(PACE))
    cluster.wait_until(lambda: len(slots_of(cluster.runs("hourly"))) >= 4, "the first slots")
    leader.kill()
    cluster.wait_for_new_leader(epoch)
    cluster.wait_until(
        lambda: (
            sum(
                run.state == "SUCCEEDED" and run.slot_key.startswith("b:")
                for run in cluster.runs("hourly")
            )
            >= SLOTS
        ),
        "the end of all slots",
        60.0,
    )
    succeeded = [run for run in cluster.runs("hourly") if run.state == "SUCCEEDED"]
    found = slots_of(succeeded)
    start = midnight - timedelta(days=2)
    assert found == {start + timedelta(hours=hour): 1 for hour in range(SLOTS)}
    assert most_at_once(succeeded) <= PACE


def most_at_once(runs: list[Run]) -> int:
    """How many of the backfill's runs were under way at the same instant, at most."""
    spans = [(run.started_at, run.finished_at) for run in runs if run.slot_key.startswith("b:")]
    starts = [start for start, _ in spans if start is not None]
    return max(sum(begin <= at < end for begin, end in spans if begin and end) for at in starts)
