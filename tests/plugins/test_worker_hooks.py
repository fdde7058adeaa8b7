"""What plugins do in a worker: one test per hook, and what becomes of one that breaks or hangs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from uuid import uuid4

import pytest

from scheduler.domain.errors import PluginProblem
from scheduler.domain.values import LaunchSpec, StartOrder
from scheduler.plugin_api import calls, reports, running, surroundings, telling
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.metrics import Metric, MetricKind, RunMeasure, Sample
from scheduler.plugin_api.mounts import PageAnswer, PageRequest, WorkerPage
from scheduler.plugin_api.services import LeadershipChange, Service
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus, RunState
from scheduler.testing.worker_view import FakeWorkerView
from tests.plugins.builders import (
    NOON,
    RUN,
    SITE,
    Echo,
    broken,
    failed_hooks,
    host_of,
    order,
    plugin,
)

VIEW = FakeWorkerView()
ASKED = PageRequest("/hello", {}, {})
CHANGE = LeadershipChange("w-1", 7, True, NOON)
MEASURE = RunMeasure(
    RUN, "nightly", "default", 1, RunState.SUCCEEDED, "", NOON, NOON, NOON, 0.1, 0.2, 1, None, None
)


def hello(request: PageRequest) -> PageAnswer:
    return PageAnswer(200, request.path.encode())


def service(name: str = "sweep") -> Service:
    return Service(name, lambda: 30.0)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """What hooks hang on; limits are short meanwhile."""
    limits = {
        calls: ["START_SECONDS"],
        running: ["EXECUTOR_SECONDS", "ENVIRONMENT_SECONDS"],
        telling: ["TOLD_SECONDS"],
        reports: ["HEALTH_SECONDS", "METRICS_SECONDS"],
        surroundings: ["START_SECONDS", "PAGE_SECONDS"],
    }
    for module, names in limits.items():
        for name in names:
            monkeypatch.setattr(module, name, 0.05)
    gate = Event()
    yield gate
    gate.set()


# --------------------------------------------------------------------------- one test per hook


def test_hook_scheduler_worker_pages():
    host = host_of(plugin("pages", worker_pages=lambda self, worker: [WorkerPage("/hello", hello)]))
    ((path, (owner, page)),) = host.worker_pages(VIEW).items()
    assert (path, owner) == ("/hello", "pages")
    answer = host.answer(owner, page, ASKED)
    assert answer is not None
    assert answer.body == b"/hello"


def test_two_plugins_that_want_one_path_stop_the_start_with_a_sentence():
    def pages(self, worker):
        return [WorkerPage("/hello", hello)]

    host = host_of(plugin("a", worker_pages=pages), plugin("b", worker_pages=pages))
    with pytest.raises(PluginProblem, match="brings the worker page '/hello', as plugin 'a' does"):
        host.worker_pages(VIEW)


def test_hook_scheduler_ready():
    told = []
    host_of(plugin("one", ready=lambda self, worker: told.append(worker))).ready(VIEW)
    assert told == [VIEW]


def test_hook_scheduler_stopping():
    told = []
    host_of(plugin("one", stopping=lambda self: told.append("stopping"))).stopping()
    assert told == ["stopping"]


def test_hook_scheduler_worker_services():
    host = host_of(plugin("one", worker_services=lambda self, worker: [service()]))
    (one,) = host.worker_services(VIEW)
    assert (one.plugin, one.service.name, host.tick(one)) == ("one", "sweep", 30.0)


def test_hook_scheduler_leader_services():
    host = host_of(plugin("one", leader_services=lambda self, worker: [service("tidy")]))
    (one,) = host.leader_services(VIEW)
    assert (one.plugin, one.service.name) == ("one", "tidy")


def test_hook_scheduler_leadership_changed():
    told = []
    host = host_of(plugin("one", leadership_changed=lambda self, change: told.append(change)))
    assert host.leadership_readers() == ("one",)
    host.leadership_changed(CHANGE)
    assert told == [CHANGE]


def test_hook_scheduler_runs_measured():
    told = []
    host = host_of(plugin("one", runs_measured=lambda self, measures: told.extend(measures)))
    assert host.measure_readers() == ("one",)
    host.measured([MEASURE])
    assert told == [MEASURE]


def test_hook_scheduler_run_environment():
    host = host_of(plugin("one", run_environment=lambda self, order: {"TRACE": order.job_name}))
    spec = with_environment(host, order("management_command"))
    assert spec.env["TRACE"] == "nightly"
    assert spec.env["SCHEDULER_JOB_NAME"] == "nightly"
    assert host.failures == ()


def test_hook_scheduler_metrics():
    metric = Metric("scheduler_x_total", MetricKind.COUNTER, "X.", [Sample(3, {})])
    host = host_of(plugin("one", metrics=lambda self: [metric]), plugin("bad", metrics=broken))
    found = {one.name: one for one in host.metrics()}
    assert found["scheduler_x_total"] is metric
    (failures,) = found["scheduler_plugin_failures_total"].samples
    assert (failures.value, failures.labels) == (1, {"plugin": "bad", "hook": "scheduler_metrics"})


# ------------------------------------------------------------------- nonsense, and none at all


def test_a_host_without_plugins_asks_nobody():
    host = host_of()
    assert host.measure_readers() == host.leadership_readers() == host.alert_readers() == ()
    assert host.log_archive() is None
    assert host.worker_pages(VIEW) == {}
    host.ready(VIEW)
    host.stopping()
    assert [one.name for one in host.metrics()] == ["scheduler_plugin_failures_total"]


ASKING = {
    "worker_pages": lambda host: host.worker_pages(VIEW),
    "worker_services": lambda host: host.worker_services(VIEW),
    "leader_services": lambda host: host.leader_services(VIEW),
    "log_archive": lambda host: host.log_archive(),
    "metrics": lambda host: host.metrics(),
    "run_environment": lambda host: host.environments([order("management_command")])(),
}
TELLING = {
    "ready": lambda host: host.ready(VIEW),
    "stopping": lambda host: host.stopping(),
    "leadership_changed": lambda host: host.leadership_changed(CHANGE),
    "runs_measured": lambda host: host.measured([MEASURE]),
}
ARGUMENTS = {
    "worker_pages": "worker",
    "worker_services": "worker",
    "leader_services": "worker",
    "run_environment": "order",
    "ready": "worker",
    "leadership_changed": "change",
    "runs_measured": "measures",
}


def with_environment(host: PluginHost, given: StartOrder) -> LaunchSpec:
    """As a worker prepares a run."""
    return host.prepare(given, SITE, host.environments([given])()[given.run_id])


def with_hook(hook: str, act) -> PluginHost:
    """One plugin that does this in one hook, and a good one after it."""
    names = ["self", *filter(None, [ARGUMENTS.get(hook)])]
    scope = {"act": act}
    return host_of(plugin("bad", **{hook: eval(f"lambda {', '.join(names)}: act()", scope)}))


@pytest.mark.parametrize("hook", ASKING)
@pytest.mark.parametrize("answer", [7, ["nonsense"], [7], object()])
def test_an_answer_of_the_wrong_kind_is_left_out_and_counted(hook, answer):
    host = with_hook(hook, lambda: answer)
    ASKING[hook](host)
    assert failed_hooks(host) == [("bad", f"scheduler_{hook}", 1)]


@pytest.mark.parametrize("hook", ASKING | TELLING)
@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(1)])
def test_a_hook_that_raises_reaches_nobody_and_is_counted(hook, error):
    host = with_hook(hook, lambda: broken_with(error))
    (ASKING | TELLING)[hook](host)
    assert failed_hooks(host) == [("bad", f"scheduler_{hook}", 1)]


@pytest.mark.parametrize("hook", ASKING | TELLING)
def test_a_hook_that_hangs_holds_its_caller_up_once_and_no_longer_than_its_limit(hook, gate):
    host = with_hook(hook, gate.wait)
    began = monotonic()
    for _ in range(3):
        (ASKING | TELLING)[hook](host)
    assert monotonic() - began < 2
    ((name, found, count),) = failed_hooks(host)
    assert (name, found) == ("bad", f"scheduler_{hook}")
    assert count == 3
    (stuck,) = host.under_way()
    assert (stuck.plugin, stuck.what) == ("bad", f"scheduler_{hook}")


def test_a_plugin_that_hangs_in_one_hook_of_the_start_holds_the_start_up_once(gate):
    host = host_of(
        plugin(
            "bad",
            executors=lambda self: gate.wait(),
            worker_services=lambda self, worker: [service()],
        )
    )
    assert set(host.executors) == {"management_command"}
    assert host.worker_services(VIEW) == ()
    gate.set()


def broken_with(error: BaseException) -> None:
    raise error


# --------------------------------------------------------------------------- the environment


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"SCHEDULER_JOB_NAME": "mine", "GOOD": "1"}, {"GOOD": "1"}),
        ({"SCHEDULER_OWN": "x"}, {}),
        ({"NUMBER": 7, "GOOD": "1"}, {"GOOD": "1"}),
        ({7: "x", "": "x", "A=B": "x", "NUL": "\0", "GOOD": "1"}, {"GOOD": "1"}),
    ],
)
def test_only_free_names_with_texts_reach_a_run(answer, left):
    host = host_of(plugin("bad", run_environment=lambda self, order: answer))
    bare = host_of().prepare(order("management_command"), SITE).env
    spec = with_environment(host, order("management_command"))
    assert spec.env == {**bare, **left}
    assert failed_hooks(host) == [("bad", "scheduler_run_environment", 1)]


def test_a_hook_that_fails_for_one_run_of_a_batch_keeps_nothing_from_the_others():
    def add(self, order):
        return {"TRACE": str(order.attempt)} if order.attempt != 2 else broken_with(SystemExit(1))

    host = host_of(plugin("one", run_environment=add))
    batch = [replace(order("management_command"), run_id=uuid4(), attempt=n) for n in (1, 2, 3)]
    assert list(host.environments(batch)().values()) == [{"TRACE": "1"}, {}, {"TRACE": "3"}]
    assert failed_hooks(host) == [("one", "scheduler_run_environment", 1)]


def test_what_was_answered_before_the_limit_counts(gate):
    def add(self, order):
        if order.attempt == 2:
            gate.wait()
        return {"TRACE": str(order.attempt)}

    host = host_of(plugin("one", run_environment=add))
    batch = [replace(order("management_command"), run_id=uuid4(), attempt=n) for n in (1, 2, 3)]
    assert list(host.environments(batch)().values()) == [{"TRACE": "1"}, {}, {}]


def test_an_executor_goes_over_the_environment_of_plugins():
    class Own(Echo):
        def launch(self, order, site):
            return LaunchSpec(order.run_id, ("x",), {"PLACE": "own"}, site.log_path)

    host = host_of(
        plugin(
            "one",
            run_environment=lambda self, order: {"PLACE": "added", "MORE": "1"},
            executors=lambda self: [Own()],
        )
    )
    env = with_environment(host, order("http")).env
    assert (env["PLACE"], env["MORE"]) == ("own", "1")


# ---------------------------------------------------------- executors, health, archives, pages


def test_an_executor_that_hangs_fails_its_run_and_holds_up_no_other(gate):
    class Stuck(Echo):
        def launch(self, order, site):
            gate.wait()
            return LaunchSpec(order.run_id, ("x",), {}, site.log_path)

    host = host_of(plugin("stuck", executors=lambda self: [Stuck()]))
    for _ in range(2):
        with pytest.raises(PluginProblem, match="'stuck' did not answer in time in its executor"):
            host.prepare(order("http"), SITE)
    assert host.prepare(order("management_command"), SITE).argv == ("check",)
    assert failed_hooks(host) == [("stuck", "executor http", 2)]


def test_checks_are_asked_side_by_side_and_one_that_hangs_is_failing(gate):
    def stuck() -> HealthReport:
        gate.wait()
        return HealthReport(HealthStatus.OK, "at last")

    def good() -> HealthReport:
        return HealthReport(HealthStatus.OK, "as asked")

    one = plugin("one", health_checks=lambda self: [HealthCheck(f"c{n}", stuck) for n in range(20)])
    two = plugin("two", health_checks=lambda self: [HealthCheck("good", good)])
    began = monotonic()
    results = host_of(one, two).health()
    assert monotonic() - began < 20 * 0.05
    assert {result.report.status for result in results[:20]} == {HealthStatus.FAILING}
    assert "did not answer within 0.05 s" in results[0].report.summary
    assert results[20].report == good()


@pytest.mark.parametrize("answer", [broken, lambda request: "text"])
def test_a_page_that_breaks_has_no_answer_and_is_counted(answer):
    page = WorkerPage("/hello", answer)
    host = host_of(plugin("pages", worker_pages=lambda self, worker: [page]))
    assert host.answer("pages", page, ASKED) is None
    assert failed_hooks(host) == [("pages", "worker page /hello", 1)]


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), "soon", None])
def test_a_tick_that_says_no_time_is_a_failure(seconds):
    odd = Service("odd", lambda: seconds)
    host = host_of(plugin("one", worker_services=lambda self, worker: [odd]))
    (one,) = host.worker_services(VIEW)
    assert host.tick(one) is None
    assert failed_hooks(host) == [("one", "service odd", 1)]


def test_a_call_that_goes_on_is_shown_with_its_beginning():
    seen = []
    host = host_of(plugin("one", worker_services=lambda self, worker: [service()]))

    def tick() -> float:
        seen.extend(host.under_way())
        return 1.0

    watching = Service("sweep", tick)
    (one,) = host_of(
        plugin("one", worker_services=lambda self, worker: [watching])
    ).worker_services(VIEW)
    before = datetime.now(UTC)
    host.tick(one)
    ((name, what, since),) = [(call.plugin, call.what, call.since) for call in seen]
    assert (name, what) == ("one", "service sweep")
    assert before <= since <= datetime.now(UTC)
    assert host.under_way() == ()
