"""What a plugin can do beside raising an ordinary exception: it reaches nobody all the same."""

import asyncio
from decimal import Decimal

import pytest

from scheduler.plugin_api.metrics import Metric, MetricKind, Sample
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus
from tests.plugins.builders import JOB, SITE, Echo, failed_hooks, host_of, order, plugin

GAUGE = MetricKind.GAUGE


class Panic(BaseException):
    """As libraries written in other languages raise them: no Exception."""


class Unwritable(Exception):
    def __str__(self):
        raise RuntimeError("cannot be written")


BEYOND = [asyncio.CancelledError(), GeneratorExit(), Panic("panic"), SystemExit(3), Unwritable()]
by_type = pytest.mark.parametrize("error", BEYOND, ids=lambda error: type(error).__name__)


def raising(error):
    def act(*_):
        raise error

    return act


# --------------------------------------------------------------------------- what is no Exception


@by_type
def test_an_executor_that_raises_what_is_no_exception_fails_its_run_alone(error):
    class Bad(Echo):
        launch = validate_job = raising(error)

    host = host_of(plugin("bad", executors=lambda self: [Bad()]))
    with pytest.raises(Exception, match=f"raised {type(error).__name__} in its executor 'http'"):
        host.prepare(order("http"), SITE)
    assert type(error).__name__ in str(host.validate_job("http", JOB))
    assert failed_hooks(host) == [("bad", "executor http", 2)]


@by_type
def test_a_check_that_raises_what_is_no_exception_is_failing_and_says_what(error):
    host = host_of(plugin("bad", health_checks=lambda self: [HealthCheck("c", raising(error))]))
    (result,) = host.health()
    assert result.report.status is HealthStatus.FAILING
    assert type(error).__name__ in result.report.summary


@by_type
def test_a_service_that_raises_what_is_no_exception_has_failed_once(error):
    host = host_of(plugin("bad", alert=lambda self, alert: raising(error)()))
    assert host.deliver_alerts("bad", [None]) is False  # type: ignore[list-item]
    assert failed_hooks(host) == [("bad", "scheduler_alert", 1)]


def test_ctrl_c_is_a_persons_and_ends_the_command():
    host = host_of(plugin("slow", alert=lambda self, alert: raising(KeyboardInterrupt())()))
    with pytest.raises(KeyboardInterrupt):
        host.deliver_alerts("slow", [None])  # type: ignore[list-item]


def test_a_message_that_is_no_utf_8_is_told_and_breaks_nobodys_log():
    error = ValueError("the file caf\udce9 is not there")
    host = host_of(plugin("bad", stopping=lambda self: raising(error)()))
    host.stopping()
    assert host.failures[0].last_error == r"ValueError: the file caf\udce9 is not there"


def test_a_message_of_many_lines_is_told_in_one():
    host = host_of(plugin("bad", stopping=lambda self: raising(ValueError("one\n  two\nthree"))()))
    host.stopping()
    assert host.failures[0].last_error == "ValueError: one two three"


# ------------------------------------------------------------------- answers that bite when touched


class NoRepr:
    def __repr__(self):
        raise RuntimeError("no repr")


class NoName(Echo):
    @property
    def name(self):  # type: ignore[override]
        raise RuntimeError("no name")


@pytest.mark.parametrize(
    ("hook", "answer", "ask"),
    [
        ("executors", [NoRepr()], lambda host: host.executors),
        ("executors", [NoName()], lambda host: host.executors),
        ("health_checks", [NoRepr()], lambda host: host.health()),
        ("metrics", [NoRepr()], lambda host: host.metrics()),
        ("django_apps", [NoRepr()], lambda host: host.django_apps()),
        ("log_archive", NoRepr(), lambda host: host.log_archive()),
    ],
)
def test_an_answer_that_raises_when_it_is_looked_at_is_counted(hook, answer, ask):
    host = host_of(plugin("bad", **{hook: lambda self: answer}))
    ask(host)
    assert failed_hooks(host) == [("bad", f"scheduler_{hook}", 1)]


class Trap(dict):
    def keys(self):
        raise RuntimeError("no keys")

    __iter__ = items = keys


@pytest.mark.parametrize("answer", [Trap(A="1"), {"A": "\ud800"}, {"\ud800": "1"}])
def test_an_environment_that_no_run_could_take_is_counted_and_the_run_starts(answer):
    host = host_of(plugin("bad", run_environment=lambda self, order: answer))
    assert list(host.environments([order("management_command")])().values()) == [{}]
    assert failed_hooks(host) == [("bad", "scheduler_run_environment", 1)]


# -------------------------------------------------------------------------- parts of a wrong kind


@pytest.mark.parametrize(
    "report",
    [
        HealthReport("green", "It is well."),  # type: ignore[arg-type]
        HealthReport(HealthStatus.OK, None),  # type: ignore[arg-type]
        HealthReport(HealthStatus.OK, "It is well.", ["x"]),  # type: ignore[arg-type]
    ],
)
def test_a_report_that_nobody_could_show_is_failing(report):
    host = host_of(plugin("bad", health_checks=lambda self: [HealthCheck("c", lambda: report)]))
    (result,) = host.health()
    assert result.report.status is HealthStatus.FAILING
    assert result.report.summary.startswith("The check itself failed: TypeError: the check")


def test_a_report_that_no_terminal_could_show_is_failing():
    odd = HealthReport(HealthStatus.OK, "the folder caf\udce9 is full")
    host = host_of(plugin("bad", health_checks=lambda self: [HealthCheck("c", lambda: odd)]))
    (result,) = host.health()
    assert result.report.status is HealthStatus.FAILING
    result.report.summary.encode()


@pytest.mark.parametrize("check", [HealthCheck(7, print), HealthCheck("c", None)])  # type: ignore[arg-type]
def test_a_check_without_name_or_question_is_left_out(check):
    host = host_of(plugin("bad", health_checks=lambda self: [check]))
    assert host.health() == ()
    assert failed_hooks(host) == [("bad", "scheduler_health_checks", 1)]


@pytest.mark.parametrize(
    "metric",
    [
        Metric(None, GAUGE, "X.", [Sample(1)]),  # type: ignore[arg-type]
        Metric("scheduler_x", GAUGE, None, [Sample(1)]),  # type: ignore[arg-type]
        Metric("scheduler_x", "level", "X.", [Sample(1)]),  # type: ignore[arg-type]
        Metric("scheduler_x", GAUGE, "X.", None),  # type: ignore[arg-type]
        Metric("scheduler_x", GAUGE, "X.", [1.0]),  # type: ignore[list-item]
        Metric("scheduler_x", GAUGE, "X.", [Sample(None)]),  # type: ignore[arg-type]
        Metric("scheduler_x", GAUGE, "X.", [Sample("1")]),  # type: ignore[arg-type]
        Metric("scheduler_x", GAUGE, "X.", [Sample(Decimal(1))]),  # type: ignore[arg-type]
        Metric("scheduler_x", GAUGE, "X.", [Sample(1, {"a": 1})]),  # type: ignore[dict-item]
    ],
)
def test_a_figure_that_would_spoil_the_page_of_all_is_left_out(metric):
    good = Metric("scheduler_good", GAUGE, "X.", [Sample(1, {"a": "b"}), Sample(2.5)])
    host = host_of(
        plugin("bad", metrics=lambda self: [metric]), plugin("good", metrics=lambda self: [good])
    )
    names = [one.name for one in host.metrics()]
    assert names == ["scheduler_good", "scheduler_plugin_failures_total"]
    assert failed_hooks(host) == [("bad", "scheduler_metrics", 1)]


def test_a_validation_that_answers_no_sentence_is_the_plugins_failure():
    class Bad(Echo):
        def validate_job(self, job):
            return False

    host = host_of(plugin("bad", executors=lambda self: [Bad()]))
    assert "raised TypeError in its executor 'http'" in str(host.validate_job("http", JOB))
