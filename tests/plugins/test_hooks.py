"""One test per hook, and that no plugin can harm the scheduler or another plugin."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from scheduler.domain.errors import InvalidArgs, InvalidSetting, PluginProblem, UnknownExecutor
from scheduler.domain.values import LaunchSpec, RunState, StartOrder
from scheduler.plugin_api.core_settings import CoreSettings
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.loading import load_plugins
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.settings import SettingsModel, setting
from scheduler.plugin_api.values import (
    HealthCheck,
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


# ----------------------------------------------------------------------------------- executors


def test_hook_scheduler_executors():
    host = host_of(HttpPlugin)
    assert set(host.executors) == {"management_command", "http"}
    assert host.prepare(order("http"), SITE).argv == ("echo_http",)
    assert host.validate_job("http", JOB) == "Give the address in the arguments."


def test_the_cores_own_executor_comes_through_the_same_hook():
    spec = host_of().prepare(order("management_command", {"days": 3, "_": ["tokyo"]}), SITE)
    assert spec.argv == ("check", "--days=3", "tokyo")
    assert (spec.run_id, spec.log_path, spec.isolation) == (RUN, "/logs/1", "exec")
    assert (spec.timeout_seconds, spec.kill_grace_seconds) == (60, 3)
    assert spec.env == {
        "SCHEDULER_ARGS_JSON": '{"days":3,"_":["tokyo"]}',
        "SCHEDULER_JOB_RUN_ID": str(RUN),
        "SCHEDULER_JOB_NAME": "nightly",
        "SCHEDULER_WORKER_ID": "w-1",
        "SCHEDULER_ATTEMPT": "2",
        "SCHEDULER_FENCING_TOKEN": "5",
        "SCHEDULER_SCHEDULED_FOR": "2026-01-02T03:00:00+00:00",
    }


def test_an_executor_says_what_to_run_and_nothing_else():
    class Strange(Echo):
        def launch(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
            env = {"SCHEDULER_JOB_RUN_ID": "mine", "EXTRA": "1"}
            return LaunchSpec(UUID(int=9), ("x",), env, "/elsewhere", "fork", None, 0, "other")

    class Odd(Plugin):
        name = "odd"

        @hookimpl
        def scheduler_executors(self):
            return (Strange(),)

    spec = host_of(Odd).prepare(order("http"), SITE)
    assert (spec.run_id, spec.log_path, spec.executor) == (RUN, "/logs/1", "http")
    assert (spec.isolation, spec.timeout_seconds, spec.kill_grace_seconds) == ("exec", 60, 3)
    assert spec.env["SCHEDULER_JOB_RUN_ID"] == str(RUN)
    assert spec.env["EXTRA"] == "1"


@pytest.mark.parametrize("argv", [(), (1,), None])
def test_an_executor_that_says_nothing_to_run_is_named(argv):
    class Empty(Echo):
        def launch(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
            return LaunchSpec(order.run_id, argv, {}, site.log_path)

    class Hollow(Plugin):
        name = "hollow"

        @hookimpl
        def scheduler_executors(self):
            return (Empty(),)

    with pytest.raises(PluginProblem, match="'hollow' raised TypeError"):
        host_of(Hollow).prepare(order("http"), SITE)


def test_two_plugins_of_one_executor_are_refused_by_name():
    class Rival(Plugin):
        name = "rival"

        @hookimpl
        def scheduler_executors(self):
            return (Echo(),)

    with pytest.raises(PluginProblem) as caught:
        _ = host_of(HttpPlugin, Rival).executors
    assert "'rival'" in str(caught.value)
    assert "'http_plugin'" in str(caught.value)


def test_an_order_for_an_unknown_executor_says_which_there_are():
    with pytest.raises(UnknownExecutor, match="management_command"):
        host_of().prepare(order("teleport"), SITE)


def test_bad_arguments_of_an_order_stay_the_error_they_are():
    with pytest.raises(InvalidArgs):
        host_of().prepare(order("management_command", {"days": {"deep": 1}}), SITE)


@pytest.mark.parametrize(
    ("job", "part"),
    [
        (JobSketch("j", "no_such_command", None, "fork"), "'no_such_command' does not exist"),
        (JobSketch("j", "chek", None, "fork"), "did you mean 'check'?"),
        (JobSketch("j", "check", "--all", "fork"), "neither list nor object"),
        (JobSketch("j", "check", {"b ad": 1}, "fork"), "option's name"),
    ],
)
def test_a_job_that_cannot_be_run_is_told_why(job, part):
    assert part in (host_of().validate_job("management_command", job) or "")


def test_a_job_that_can_be_run_has_nothing_told():
    assert host_of().validate_job("management_command", JOB) is None


def test_an_executor_that_breaks_is_named_and_counted():
    class Fragile(Plugin):
        name = "fragile"

        @hookimpl
        def scheduler_executors(self):
            executor = Echo()
            executor.launch = executor.validate_job = broken  # type: ignore[method-assign]
            return (executor,)

    host = host_of(Fragile)
    with pytest.raises(PluginProblem, match="'fragile' raised RuntimeError"):
        host.prepare(order("http"), SITE)
    assert "raised RuntimeError" in (host.validate_job("http", JOB) or "")
    assert [(f.plugin, f.count) for f in host.failures] == [("fragile", 2)]


# --------------------------------------------------------------------------------- transitions


class Recorder(Plugin):
    name = "recorder"
    run_states = frozenset({RunState.FAILED, RunState.ORPHANED})

    def __init__(self) -> None:
        self.told: list[tuple[RunTransition, ...]] = []

    @hookimpl
    def scheduler_run_transitioned(self, transitions: Sequence[RunTransition]) -> None:
        self.told.append(tuple(transitions))


def recorder_in(host: PluginHost) -> Recorder:
    return next(plugin for plugin in host.plugins if isinstance(plugin, Recorder))


def test_hook_scheduler_run_transitioned():
    host = host_of(Recorder)
    batch = [transition(RunState.FAILED, 1), transition(RunState.FAILED, 2)]
    assert host.deliver("recorder", batch) is True
    assert recorder_in(host).told == [tuple(batch)]


def test_a_plugin_is_told_of_its_declared_states_alone():
    host = host_of(Recorder)
    failed = transition(RunState.FAILED)
    assert host.deliver("recorder", [transition(RunState.SUCCEEDED), failed])
    assert host.deliver("recorder", [transition(RunState.SUCCEEDED)])
    assert recorder_in(host).told == [(failed,)]


def test_the_outbox_is_asked_for_the_moves_into_declared_states():
    assert host_of().declared_transitions() == frozenset()
    assert host_of(Recorder).declared_transitions() == {
        (RunState.RUNNING, RunState.FAILED),
        (RunState.RUNNING, RunState.ORPHANED),
    }
    assert host_of(Recorder).transition_readers() == {"recorder": Recorder.run_states}


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(3), KeyError("x")])
def test_a_plugin_that_fails_to_take_a_batch_is_to_be_told_again(error):
    class Busy(Recorder):
        name = "busy"

        @hookimpl
        def scheduler_run_transitioned(self, transitions: Sequence[RunTransition]) -> None:
            super().scheduler_run_transitioned(transitions)
            if len(self.told) == 1:
                raise error

    host = host_of(Busy, Recorder)
    batch = [transition(RunState.FAILED)]
    assert host.deliver("busy", batch) is False
    assert host.deliver("recorder", batch) is True
    assert host.deliver("busy", batch) is True
    assert [(f.plugin, f.hook, f.count) for f in host.failures] == [
        ("busy", "scheduler_run_transitioned", 1)
    ]


# -------------------------------------------------------------------------------------- health


def test_hook_scheduler_health_checks():
    class Careful(Plugin):
        name = "careful"

        @hookimpl
        def scheduler_health_checks(self):
            return [HealthCheck("storage", report(HealthStatus.WARNING))]

    (result,) = host_of(Careful).health()
    assert (result.plugin, result.check) == ("careful", "storage")
    assert result.report == HealthReport(HealthStatus.WARNING, "as asked")


def test_a_check_that_answers_no_report_is_shown_as_failing():
    class Vague(Plugin):
        name = "vague"

        @hookimpl
        def scheduler_health_checks(self):
            return [HealthCheck("vague", lambda: True)]  # type: ignore[arg-type, return-value]

    (result,) = host_of(Vague).health()
    assert result.report.status is HealthStatus.FAILING


def test_a_check_that_raises_is_shown_as_failing_and_the_others_go_on():
    class Shaky(Plugin):
        name = "shaky"

        @hookimpl
        def scheduler_health_checks(self):
            good = HealthCheck("good", report(HealthStatus.OK))
            return [HealthCheck("bad", broken), good]

    host = host_of(Shaky)
    bad, good = host.health()
    assert bad.report.status is HealthStatus.FAILING
    assert "hunter22" not in bad.report.summary
    assert good.report.status is HealthStatus.OK
    (failure,) = host.failures
    assert (failure.plugin, failure.hook, failure.count) == ("shaky", "health check bad", 1)
    assert "hunter22" not in failure.last_error


# ------------------------------------------------------------------------------------- settings


class DepthSettings(SettingsModel):
    model_config = {"env_prefix": "SCHEDULER_DIVER_"}
    depth: int = setting(
        3, title=("Depth", "深さ"), meaning=("m", "意味"), impact=("i", "影響"), ge=1, le=9
    )


class Diver(Plugin):
    name = "diver"
    settings_model = DepthSettings


def test_hook_scheduler_settings():
    host = host_of(Diver)
    assert host.settings_models == (CoreSettings, DepthSettings)
    host.configure(rows={}, environ={"SCHEDULER_DIVER_DEPTH": "5"})
    diver = host.plugins[1]
    assert diver.settings.depth == 5
    host.configure(rows={"SCHEDULER_DIVER_DEPTH": "6"}, environ={"SCHEDULER_DIVER_DEPTH": "5"})
    assert diver.settings.depth == 6
    assert host.resolved(DepthSettings).settings.depth == 6


def test_a_bad_environment_value_of_a_plugin_stops_the_start_and_changes_nothing():
    host = host_of(Diver)
    host.configure(rows={}, environ={})
    with pytest.raises(InvalidSetting, match="SCHEDULER_DIVER_DEPTH"):
        host.configure(rows={}, environ={"SCHEDULER_DIVER_DEPTH": "10", "SCHEDULER_NODE_ID": "n"})
    assert host.plugins[1].settings.depth == 3
    assert host.resolved(CoreSettings).settings.node_id == ""


def test_a_bad_row_of_a_plugin_stops_nobody():
    host = host_of(Diver)
    resolved = host.configure(rows={"SCHEDULER_DIVER_DEPTH": "10"}, environ={})
    assert host.plugins[1].settings.depth == 3
    assert [problem.key for one in resolved for problem in one.problems] == [
        "SCHEDULER_DIVER_DEPTH"
    ]


# ------------------------------------------------------------------------------------ isolation


@pytest.mark.parametrize(
    "answer", [broken, lambda self: 7, lambda self: ["nonsense"], lambda self: [None]]
)
@pytest.mark.parametrize(
    "hook", ["scheduler_settings", "scheduler_executors", "scheduler_health_checks"]
)
def test_a_hook_that_breaks_or_answers_nonsense_harms_no_other(hook, answer):
    def implementation(self):
        return answer(self)

    bad = type("Bad", (Plugin,), {"name": "bad", hook: hookimpl(implementation)})
    host = host_of(bad, HttpPlugin, Diver)
    host.configure(rows={}, environ={})
    assert set(host.executors) == {"management_command", "http"}
    assert host.plugins[-1].settings.depth == 3
    host.health()
    assert [(f.plugin, f.hook, f.count) for f in host.failures] == [("bad", hook, 1)]


def test_an_unbroken_host_has_no_failures():
    host = host_of(HttpPlugin, Recorder, Diver)
    host.configure(rows={}, environ={})
    host.health()
    assert host.executors
    assert host.failures == ()
