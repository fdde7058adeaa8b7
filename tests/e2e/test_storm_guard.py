"""The storm guard on a real cluster: a pause that outlives every worker, caps that outlive the
leader, a quarantine that a plugin hears of."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

PLUGIN = '''
import json
import os

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.plugin import Plugin


class Hearing(Plugin):
    """Writes down each alert; raises once at each, to be told again."""

    name = "hearing"
    raised = frozenset()

    @hookimpl
    def scheduler_alert(self, alert):
        with open(os.environ["HEARD_FILE"], "a") as file:
            file.write(json.dumps([alert.alert_id, alert.code, alert.job, alert.text]) + "\\n")
        if alert.alert_id not in self.raised:
            self.raised = self.raised | {alert.alert_id}
            raise RuntimeError("once more, please")
'''


class World:
    def __init__(self, cluster: Cluster, heard_file: Path) -> None:
        self.cluster, self.heard_file = cluster, heard_file

    def ask(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.cluster.dsn) as connection:
            return connection.execute(text, values).fetchall()

    def heard(self) -> list[tuple[int, str, str | None, str]]:
        """All that the plugin was told, in order, repeats and all."""
        lines = self.heard_file.read_text().splitlines() if self.heard_file.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    def codes(self, job_name: str | None = None) -> list[str]:
        """The alerts of one job or of the cluster, each once."""
        first = {number: (code, job) for number, code, job, _ in reversed(self.heard())}
        return [code for _, (code, job) in sorted(first.items()) if job == job_name]

    def begun(self, name: str) -> list[datetime]:
        starts = (run.started_at for run in self.cluster.runs(name))
        return sorted(start for start in starts if start is not None)

    def waits_with(self, name: str, reason: str) -> int:
        runs = self.cluster.runs(name)
        return sum(run.state == "PENDING" and run.reason == reason for run in runs)


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    code = folder / "code"
    code.mkdir()
    (code / "our_plugin.py").write_text(PLUGIN)
    settings = {
        "SCHEDULER_PLUGINS": "our_plugin.Hearing",
        "HEARD_FILE": str(folder / "heard"),
        "PYTHONPATH": os.pathsep.join([str(code), *(part for part in sys.path if part)]),
    }
    jobs = [
        job("pulse", "noop", every(1)),
        job("punctual", "noop", every(1), skip_late_after_seconds=2),
        job("long", "sample_long", None, default_args_json=["--seconds", "6"]),
        job("burst", "noop", None, start_cap_per_minute=2),
        job(
            "failing",
            "sample_failing",
            every(1),
            default_args_json=["--succeed-at", "0"],
            quarantine_after_failures=3,
        ),
    ]
    with Cluster(folder / "c", jobs, settings=settings) as cluster:
        yield World(cluster, folder / "heard")


def test_a_job_that_fails_in_a_row_is_quarantined_and_a_plugin_hears_of_it(world: World):
    cluster = world.cluster
    cluster.wait_until(lambda: world.waits_with("failing", "WAIT_QUARANTINED") >= 2, "quarantine")
    failed = [run for run in cluster.runs("failing") if run.state == "FAILED"]
    # What was in a worker's hands when the third one failed may still have started: on a busy
    # machine that may be one a second until its failure is written. Then none starts any more.
    assert len(failed) >= 3
    waiting = world.waits_with("failing", "WAIT_QUARANTINED")
    cluster.wait_until(lambda: world.waits_with("failing", "WAIT_QUARANTINED") > waiting, "more")
    still = [run for run in cluster.runs("failing") if run.state == "FAILED"]
    assert [run.id for run in still] == [run.id for run in failed]
    cluster.wait_until(lambda: world.codes("failing") == ["QUARANTINE_BEGUN"], "the alert")
    text = "Job failing is quarantined: it reached its limit of failures in a row, 3."
    told = [one for one in world.heard() if one[2] == "failing"]
    assert {one[3] for one in told} == {text}
    cluster.wait_until(
        lambda: len([one for one in world.heard() if one[2] == "failing"]) == 2, "the alert again"
    )


def test_an_alert_raised_while_the_leader_dies_is_told_by_the_next(world: World):
    cluster = world.cluster
    cluster.mend()
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.suspend()
    cluster.manage("scheduler_release", "failing", "--by", "ann")
    leader.kill()
    cluster.wait_for_new_leader(epoch)
    cluster.wait_until(lambda: "QUARANTINE_RELEASED" in world.codes("failing"), "the alert")
    cluster.mend()


def test_a_pause_holds_over_a_restart_of_every_worker(world: World):
    cluster = world.cluster
    cluster.mend()
    cluster.manage("scheduler_run", "long")
    cluster.wait_until(lambda: len(world.begun("long")) == 1, "the long run under way")
    cluster.manage("scheduler_pause", "--reason", "storage is down", "--by", "hanako")
    (paused_at,) = world.ask("SELECT paused_at FROM scheduler_cluster")[0]
    cluster.wait_until(
        lambda: cluster.runs("long")[0].state == "SUCCEEDED", "an end of what ran before"
    )
    for worker in cluster.workers:
        worker.terminate()
    cluster.wait_until(lambda: not any(w.running for w in cluster.workers), "a stop of all", 40.0)
    cluster.mend()
    status = json.loads(cluster.manage("scheduler_status", "--json").stdout)
    assert (status["paused"], status["paused_by"]) == (True, "hanako")
    assert status["pause_reason"] == "storage is down"

    # Planning goes on: what comes due waits, or is skipped by its job's own rule.
    due_since = datetime.now(UTC)
    cluster.wait_until(
        lambda: any(
            run.reason == "SKIP_LATE" and run.due_at > due_since for run in cluster.runs("punctual")
        ),
        "a run that waited too long",
    )
    cluster.wait_until(lambda: world.waits_with("pulse", "WAIT_PAUSED") >= 5, "runs that wait")
    begun = [each for name in ("pulse", "punctual", "failing") for each in world.begun(name)]
    assert max(begun) < paused_at + timedelta(seconds=0.5)
    latest = (paused_at + timedelta(seconds=1.5)).timestamp()
    assert not [mark for mark in cluster.marks("start") if mark.clock > latest]

    cluster.manage("scheduler_resume", "--by", "hanako")
    cluster.wait_until(lambda: world.waits_with("pulse", "WAIT_PAUSED") == 0, "a start of the rest")
    cluster.wait_until(lambda: max(world.begun("pulse")) > due_since, "new starts")
    codes = ["CLUSTER_PAUSED", "CLUSTER_RESUMED"]
    cluster.wait_until(lambda: world.codes() == codes, "both alerts")


def test_runs_handed_out_ahead_start_soon_after_a_short_pause(world: World):
    cluster = world.cluster
    cluster.mend()
    cluster.manage("scheduler_pause")
    cluster.manage("scheduler_resume")
    resumed_at = datetime.now(UTC)
    cluster.wait_until(lambda: world.begun("pulse")[-1] > resumed_at, "a start", 6.0)
    cluster.wait_until(
        lambda: all(
            run.state == "SUCCEEDED"
            for run in cluster.runs("pulse")
            if run.due_at < resumed_at + timedelta(seconds=2)
        ),
        "an end of all that was due",
        8.0,
    )


def test_a_start_cap_holds_over_a_change_of_leaders(world: World):
    cluster = world.cluster
    cluster.mend()
    for _ in range(5):
        cluster.manage("scheduler_run", "burst")
    cluster.wait_until(lambda: len(world.begun("burst")) == 2, "as many starts as the cap allows")
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.kill()
    cluster.wait_for_new_leader(epoch)
    cluster.wait_until(lambda: world.waits_with("burst", "WAIT_START_CAP") == 3, "three that wait")
    details = world.ask(
        "SELECT x.reason_detail FROM scheduler_job_run_detail x JOIN scheduler_job_run r "
        "ON r.id = x.run_id WHERE r.reason = 'WAIT_START_CAP'"
    )
    assert all("start cap of the job: 2 in 60 s; its turn is at about" in d for (d,) in details)
    cluster.mend()
    cluster.wait_until(lambda: len(world.begun("burst")) >= 4, "the next turns", 80.0)
    begun = world.begun("burst")
    assert begun[2] - begun[0] >= timedelta(seconds=60)
    # No later than it has to be.
    assert begun[2] - begun[0] < timedelta(seconds=63)
