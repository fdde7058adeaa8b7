"""One test per hook: executors, transitions, alerts, health checks."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest

from scheduler.domain.errors import InvalidArgs, PluginProblem, UnknownExecutor
from scheduler.domain.values import LaunchSpec, RunState, StartOrder
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.values import (
    Alert,
    AlertCode,
    AlertSeverity,
    HealthCheck,
    HealthReport,
    HealthStatus,
    JobSketch,
    LaunchSite,
    RunTransition,
)
from tests.plugins.builders import (
    JOB,
    NOON,
    RUN,
    SITE,
    Echo,
    HttpPlugin,
    Recorder,
    broken,
    host_of,
    order,
    report,
    transition,
)

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


@pytest.mark.parametrize("env", [{"PLACE": Path("/tmp")}, {1: "one"}])
def test_an_executor_whose_environment_is_no_text_is_named(env):
    class Empty(Echo):
        def launch(self, order: StartOrder, site: LaunchSite) -> LaunchSpec:
            return LaunchSpec(order.run_id, ("check",), env, site.log_path)

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


# -------------------------------------------------------------------------------------- alerts


def alert(number: int = 1) -> Alert:
    return Alert(number, AlertCode.QUARANTINE_BEGUN, AlertSeverity.ERROR, "nightly", "Held.", NOON)


class Listener(Plugin):
    name = "listener"

    def __init__(self) -> None:
        self.heard: list[Alert] = []

    @hookimpl
    def scheduler_alert(self, alert: Alert) -> None:
        self.heard.append(alert)


def test_hook_scheduler_alert():
    host = host_of(Listener, HttpPlugin)
    assert host.alert_readers() == ("listener",)
    assert host.deliver_alerts("listener", [alert(1), alert(2)])
    (listener,) = (plugin for plugin in host.plugins if isinstance(plugin, Listener))
    assert [one.alert_id for one in listener.heard] == [1, 2]


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(3)])
def test_a_plugin_that_fails_to_hear_an_alert_is_to_be_told_again(error):
    class Deaf(Plugin):
        name = "deaf"

        @hookimpl
        def scheduler_alert(self, alert: Alert) -> None:
            raise error

    host = host_of(Deaf, Listener)
    assert host.deliver_alerts("deaf", [alert(1), alert(2)]) is False
    assert host.deliver_alerts("listener", [alert(1)]) is True
    assert [(f.plugin, f.hook, f.count) for f in host.failures] == [("deaf", "scheduler_alert", 1)]


def test_without_such_a_plugin_nobody_is_told_of_alerts():
    assert host_of(Recorder).alert_readers() == ()


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
