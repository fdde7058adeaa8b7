"""A real cluster with plugins: it runs their jobs, tells them what happened, and survives the bad
one; and settings changed in the RDB reach every worker."""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

PLUGINS = '''
import json

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.settings import SettingsConfigDict, SettingsModel, setting
from scheduler.plugin_api.values import LaunchSpec, RunState

WORDS = dict(title=("t", "題"), meaning=("m", "意味"), impact=("i", "影響"))


class Bad(Plugin):
    """Breaks in every hook."""

    name = "bad"
    run_states = frozenset({RunState.SUCCEEDED})

    @hookimpl
    def scheduler_executors(self):
        raise RuntimeError("no executors today")

    @hookimpl
    def scheduler_run_transitioned(self, transitions):
        raise RuntimeError("tell me not")

    @hookimpl
    def scheduler_health_checks(self):
        raise RuntimeError("no health")


class TellingSettings(SettingsModel):
    model_config = SettingsConfigDict(env_prefix="SCHEDULER_TELLING_")
    file: str = setting("", **WORDS)


class Quick:
    name = "quick"

    def validate_job(self, job):
        return None

    def launch(self, order, site):
        return LaunchSpec(order.run_id, ("noop",), {}, site.log_path, executor=self.name)


class Telling(Plugin):
    """Writes down what it is told; raises once, to be told again."""

    name = "telling"
    settings_model = TellingSettings
    run_states = frozenset({RunState.ASSIGNED, RunState.RUNNING, RunState.SUCCEEDED})
    raised = False

    @hookimpl
    def scheduler_executors(self):
        return [Quick()]

    @hookimpl
    def scheduler_run_transitioned(self, transitions):
        with open(self.settings.file, "a") as file:
            for one in transitions:
                file.write(json.dumps([str(one.run_id), one.job_name, one.old, one.new]) + "\\n")
        if not self.raised:
            self.raised = True
            raise RuntimeError("once more, please")
'''
PING = "SCHEDULER_LEADER_PING_BATCH_SIZE"
CAPACITY = "SCHEDULER_MAX_JOBS_PER_WORKER"


class World:
    def __init__(self, cluster: Cluster, told_file: Path) -> None:
        self.cluster, self.told_file = cluster, told_file

    def told(self) -> dict[str, list[tuple[str, str]]]:
        """By run: the transitions in the order in which they first came."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        lines = self.told_file.read_text().splitlines() if self.told_file.exists() else []
        for run, _, old, new in map(json.loads, lines):
            if (old, new) not in found[run]:
                found[run].append((old, new))
        return found

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of all workers with this event."""
        lines = [
            line
            for worker in self.cluster.workers
            for line in worker.process.log_tail(5000).splitlines()
        ]
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line["event"] == event]

    def change(self, changes: dict[str, str | None]) -> None:
        code = (
            "from scheduler.queries.plugins import plugin_host;"
            "from scheduler.requests.settings import change_settings;"
            f"change_settings({changes!r}, by='hanako', models=plugin_host().settings_models)"
        )
        self.cluster.manage("shell", "--verbosity", "0", "--command", code)

    def acknowledged(self) -> bool:
        """All live workers have the cluster's revision."""
        with psycopg.connect(self.cluster.dsn) as connection:
            rows = connection.execute(
                "SELECT l.config_revision = c.config_revision FROM scheduler_worker_lease l, "
                "scheduler_cluster c WHERE l.state = 'LIVE'"
            ).fetchall()
        return len(rows) == 2 and all(row[0] for row in rows)


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    code = folder / "code"
    code.mkdir()
    (code / "our_plugins.py").write_text(PLUGINS)
    settings = {
        "SCHEDULER_PLUGINS": "our_plugins.Bad,our_plugins:Telling",
        "SCHEDULER_TELLING_FILE": str(folder / "told"),
        "PYTHONPATH": os.pathsep.join([str(code), *(part for part in sys.path if part)]),
    }
    jobs = [job("pulse", "noop", every(1)), job("quick", "", every(1), executor="quick")]
    with Cluster(folder / "c", jobs, workers=2, settings=settings) as cluster:
        yield World(cluster, folder / "told")


LIFE = [("PENDING", "ASSIGNED"), ("ASSIGNED", "RUNNING"), ("RUNNING", "SUCCEEDED")]


def test_a_plugins_executor_runs_jobs(world):
    world.cluster.wait_until(
        lambda: sum(run.state == "SUCCEEDED" for run in world.cluster.runs("quick")) >= 2,
        "runs of the plugin's executor",
    )


def test_a_plugin_is_told_of_each_runs_life_in_order_although_it_failed_once(world):
    def whole() -> list[str]:
        return [run for run, moves in world.told().items() if moves == LIFE]

    world.cluster.wait_until(lambda: len(whole()) >= 6, "six whole lives told")
    assert all(LIFE[: len(moves)] == moves for moves in world.told().values())
    ledger = {str(run.id) for run in world.cluster.runs()}
    assert set(whole()) <= ledger


def test_a_plugin_that_breaks_in_every_hook_harms_nobody(world):
    world.cluster.wait_until(
        lambda: any(
            line["plugin"] == "bad" and line["hook"] == "scheduler_run_transitioned"
            for line in world.logged("plugin_failed")
        ),
        "the bad plugin's failure in the log",
    )
    world.cluster.assert_all_slots_ran_once()


def test_the_feed_goes_on_under_the_next_leader(world):
    cluster = world.cluster
    leader, epoch = cluster.the_leader(), cluster.epoch
    leader.kill()
    cluster.wait_for_new_leader(epoch)
    before = len(world.told())
    cluster.wait_until(lambda: len(world.told()) >= before + 4, "runs told by the new leader")
    assert all(LIFE[: len(moves)] == moves for moves in world.told().values())
    cluster.mend()


def test_a_changed_setting_reaches_every_worker_and_is_acknowledged(world):
    world.cluster.mend()
    world.change({PING: "33", CAPACITY: "3"})
    world.cluster.wait_until(world.acknowledged, "an acknowledgement of all workers")
    applied = {(line["key"], line["logger"]) for line in world.logged("setting_changed")}
    assert [key for key, _ in applied] == [PING]
    waiting = {line["key"] for line in world.logged("setting_waits_for_restart")}
    assert waiting == {CAPACITY}


def test_a_bad_row_is_told_loudly_and_stops_nobody(world):
    with psycopg.connect(world.cluster.dsn) as connection:
        connection.execute(
            "INSERT INTO scheduler_setting (key, value) VALUES (%s, 'many')",
            ["SCHEDULER_ASSIGN_AHEAD_SECONDS"],
        )
    world.change({PING: "34"})
    world.cluster.wait_until(world.acknowledged, "an acknowledgement of all workers")
    world.cluster.wait_until(
        lambda: any("'many'" in one["reason"] for one in world.logged("setting_in_rdb_unusable")),
        "the bad row in the log",
    )
    world.cluster.wait_for_starts(2)
