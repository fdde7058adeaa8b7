"""Hosts, orders and transitions for the tests of plugins."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from scheduler.domain.values import LaunchSpec, RunState, StartOrder
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.loading import load_plugins
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.values import (
    HealthReport,
    HealthStatus,
    JobSketch,
    LaunchSite,
    RunTransition,
)

RUN = UUID("0190f3a0-0000-7000-8000-000000000001")
NOON = datetime(2026, 1, 2, 3, tzinfo=UTC)
SITE = LaunchSite(worker_id="w-1", log_path="/logs/1")
JOB = JobSketch(name="nightly", command="check", args=None, isolation="fork")


def _give(found: type[Plugin]) -> Callable[[], Any]:
    return lambda: found


def host_of(*classes: type[Plugin]) -> PluginHost:
    offered: dict[str, Callable[[], Any]] = {c.name: _give(c) for c in classes}
    return PluginHost(load_plugins(list(offered), offered))


def order(executor: str, args: Any = None) -> StartOrder:
    return StartOrder(
        run_id=RUN,
        assign_seq=5,
        start_in_seconds=0,
        definition_id=1,
        job_name="nightly",
        attempt=2,
        orphan_count=0,
        slot_key="t:x",
        scheduled_for=NOON,
        executor=executor,
        command="check",
        args=args,
        isolation="exec",
        timeout_seconds=60,
        kill_grace_seconds=3,
    )


def transition(new: RunState, attempt: int = 1) -> RunTransition:
    return RunTransition(
        run_id=RUN,
        definition_id=1,
        job_name="nightly",
        attempt=attempt,
        old=RunState.RUNNING,
        new=new,
        reason="",
        worker_id="w-1",
        at=NOON,
    )


def report(status: HealthStatus) -> Callable[[], HealthReport]:
    return lambda: HealthReport(status, "as asked")


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("at redis://:hunter22@host")


class Echo:
    """An executor that runs the command ``echo_http``."""

    name = "http"

    def validate_job(self, job: JobSketch) -> str | None:
        return None if job.args else "Give the address in the arguments."

    def launch(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
        return LaunchSpec(order.run_id, ("echo_http",), {}, site.log_path, executor=self.name)


class HttpPlugin(Plugin):
    name = "http_plugin"

    @hookimpl
    def scheduler_executors(self):
        return (Echo(),)


class Recorder(Plugin):
    name = "recorder"
    run_states = frozenset({RunState.FAILED, RunState.ORPHANED})

    def __init__(self) -> None:
        self.told: list[tuple[RunTransition, ...]] = []

    @hookimpl
    def scheduler_run_transitioned(self, transitions: Sequence[RunTransition]) -> None:
        self.told.append(tuple(transitions))


def plugin(plugin_name: str, /, **hooks: Any) -> type[Plugin]:
    """A plugin whose hooks (``ready``, ``metrics``, ...) are these functions of its instance and
    the hook's own arguments."""
    marked = {f"scheduler_{name}": hookimpl(function) for name, function in hooks.items()}
    return type(plugin_name.title(), (Plugin,), {"name": plugin_name, **marked})


def failed_hooks(host: PluginHost) -> list[tuple[str, str, int]]:
    """(plugin, hook, how often) of what failed."""
    return [(one.plugin, one.hook, one.count) for one in host.failures]
