"""Real workers with a plugin that raises in every hook and one that never returns from any: jobs
run on time, and everybody can see what is wrong."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scheduler.plugin_api.loading import KNOWN_HOOKS
from scheduler_demo.ledger import Run
from tests.e2e.cluster import Cluster, every, job

pytestmark = [pytest.mark.postgres, pytest.mark.valkey, pytest.mark.slow]

PLUGINS = '''
import asyncio
import inspect
import sys
import threading

from scheduler.plugin_api.hookspecs import SchedulerHooks, hookimpl
from scheduler.plugin_api.loading import KNOWN_HOOKS
from scheduler.plugin_api.mounts import PageAnswer, WorkerPage
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import Service
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus, RunState


def fail():
    raise RuntimeError("not today, password=hunter22")


def be_canceled():
    """No Exception: it passes by whoever catches those."""
    raise asyncio.CancelledError


def hang():
    """For ever, in workers: the commands that the test calls beside them would only be slow."""
    if "scheduler_worker" in sys.argv:
        threading.Event().wait()


def in_every_hook(act, leave=()):
    """An implementation of each hook, with the arguments that its specification has."""
    scope, hooks = {"act": act}, {}
    for name in set(KNOWN_HOOKS) - set(leave):
        arguments = ", ".join(inspect.signature(getattr(SchedulerHooks, name)).parameters)
        hooks[name] = hookimpl(eval(f"lambda {arguments}: act()", scope))
    return hooks


def plugin(name, act, leave=()):
    fields = {"name": name, "run_states": frozenset({RunState.SUCCEEDED})}
    return type(name, (Plugin,), fields | in_every_hook(act, leave))


raising = plugin("raising", fail)
canceled = plugin("canceled", be_canceled)
hanging = plugin("hanging", hang)
# What hangs at the start keeps a plugin from being asked for the rest: this one gets further.
_started = ["scheduler_settings", "scheduler_django_apps", "scheduler_url_mounts"]
_brought = ["scheduler_executors", "scheduler_worker_services", "scheduler_leader_services"]
_shown = ["scheduler_worker_pages", "scheduler_health_checks"]


class hanging_later(plugin("hanging_later", hang, _started + _brought + _shown)):
    @hookimpl
    def scheduler_worker_services(self, worker):
        return [Service("sweep", hang)]

    @hookimpl
    def scheduler_leader_services(self, worker):
        return [Service("tidy", fail)]

    @hookimpl
    def scheduler_worker_pages(self, worker):
        return [WorkerPage("/hang", lambda request: hang())]

    @hookimpl
    def scheduler_health_checks(self):
        return [HealthCheck("hangs", hang)]


class good(Plugin):
    name = "good"

    @hookimpl
    def scheduler_worker_pages(self, worker):
        def ready(request):
            lacks = [one.name for one in worker.readiness() if not one.ok]
            return PageAnswer(503 if lacks else 200, ",".join(lacks).encode())

        return [WorkerPage("/ready", ready)]

    @hookimpl
    def scheduler_run_environment(self, order):
        return {"GOOD_PLUGIN": order.job_name}
'''
HOOKS_OF_STARTED_WORKERS = (
    "scheduler_ready",
    "scheduler_run_environment",
    "scheduler_runs_measured",
    "scheduler_run_transitioned",
    "scheduler_leadership_changed",
)


class World:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def failures(self) -> set[tuple[str, str]]:
        """(plugin, hook) that the workers' rows tell of."""
        return {(plugin, hook) for plugin, hook, _, _ in self.states()}

    def states(self) -> list[tuple[str, str, str, datetime | None]]:
        with psycopg.connect(self.cluster.dsn) as connection:
            return connection.execute(
                "SELECT plugin, hook, last_error, stuck_since FROM scheduler_plugin_state"
            ).fetchall()

    def ports(self) -> list[int]:
        events = [event for worker in self.cluster.workers for event in worker.events()]
        return [event["port"] for event in events if event["event"] == "worker_http_listening"]

    def page(self, port: int, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def world(folder: Path) -> Iterator[World]:
    code = folder / "code"
    code.mkdir()
    (code / "bad_plugins.py").write_text(PLUGINS)
    listed = ("raising", "canceled", "hanging", "hanging_later", "good")
    settings = {
        "SCHEDULER_PLUGINS": ",".join(f"bad_plugins.{name}" for name in listed),
        "SCHEDULER_WORKER_HTTP_PORT": "29464",
        "PYTHONPATH": os.pathsep.join([str(code), *(part for part in sys.path if part)]),
    }
    with Cluster(folder / "c", [job("pulse", "noop", every(1))], workers=2, settings=settings) as c:
        yield World(c)


def test_jobs_run_on_time(world):
    """From the first runs on, which wait for a run's environment once for each plugin that hangs
    there. The workers' own start takes as long as the limits of its hooks."""
    cluster = world.cluster

    def begun() -> list[Run]:
        return [run for run in cluster.runs("pulse") if run.started_at and run.state == "SUCCEEDED"]

    cluster.wait_until(lambda: bool(begun()), "a run", 120)
    settled = datetime.now(UTC) + timedelta(seconds=4)
    cluster.begin_window()
    cluster.wait_until(lambda: sum(run.due_at > settled for run in begun()) >= 12, "twelve runs")
    late = sorted(
        (run.started_at - run.due_at).total_seconds()
        for run in begun()
        if run.started_at and run.due_at > settled
    )
    assert late[len(late) // 2] < 0.5
    cluster.assert_all_slots_ran_once()


def test_what_fails_in_workers_is_there_for_all_to_see(world):
    failing = ("raising", "canceled")
    wanted = {(one, hook) for one in failing for hook in HOOKS_OF_STARTED_WORKERS}
    wanted |= {
        ("hanging", "scheduler_settings"),
        ("hanging", "scheduler_run_environment"),
        ("hanging_later", "service sweep"),
        ("hanging_later", "service tidy"),
        ("hanging_later", "scheduler_run_transitioned"),
    }
    world.cluster.wait_until(lambda: wanted <= world.failures(), f"rows of {wanted}", 90)
    assert not [plugin for plugin, _ in world.failures() if plugin == "good"]


def test_no_secret_is_written_down(world):
    errors = [error for _, _, error, _ in world.states()]
    assert any("not today" in error for error in errors)
    assert not [error for error in errors if "hunter22" in error]


def test_a_service_that_hangs_is_shown_with_its_beginning(world):
    def since() -> list[datetime]:
        return [since for _, hook, _, since in world.states() if hook == "service sweep" and since]

    world.cluster.wait_until(lambda: len(since()) == 2, "the sweep of both workers", 60)
    assert all(one < datetime.now(UTC) for one in since())


def test_pages_of_a_good_plugin_are_served_beside_those_that_hang(world):
    ports = world.ports()
    assert len(set(ports)) == 2
    assert {world.page(port, "/ready") for port in ports} == {200}
    assert world.page(ports[0], "/hang") == 500
    assert world.page(ports[0], "/ready") == 200
    assert world.page(ports[0], "/nothing") == 404


def test_the_command_shows_plugins_failures_and_what_hangs(world):
    told: dict[str, Any] = json.loads(world.cluster.manage("scheduler_plugins", "--json").stdout)
    plugins = {one["name"]: one for one in told["plugins"]}
    assert set(plugins) == {"core", "raising", "canceled", "hanging", "hanging_later", "good"}
    assert len(plugins["raising"]["hooks"]) == len(KNOWN_HOOKS)
    failing = {one["hook"] for one in plugins["hanging_later"]["failures"]}
    assert {"service sweep", "scheduler_run_transitioned"} <= failing
    assert "hunter22" not in json.dumps(told)


def test_workers_stop_although_plugins_hang(world):
    """The runs have ended: within the limits of the last hooks, and the lease is given back."""
    for worker in world.cluster.workers:
        worker.terminate()
    world.cluster.wait_until(
        lambda: not any(worker.running for worker in world.cluster.workers), "an end of all", 60
    )
    with psycopg.connect(world.cluster.dsn) as connection:
        states = connection.execute("SELECT state FROM scheduler_worker_lease").fetchall()
    assert {state for (state,) in states} == {"LEFT"}
    assert world.failures() == set()
