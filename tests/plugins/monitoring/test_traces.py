"""A trace of each run: ids, spans, and what a real OTLP/HTTP receiver gets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from uuid_utils.compat import uuid7

from scheduler.domain.values import Reason, RunState
from scheduler.plugin_api.host import PluginHost
from scheduler.queries.run_histories import RunHistory
from scheduler_monitoring.plugin import MonitoringPlugin, TracingMonitoringPlugin
from scheduler_monitoring.tracing.exporting import TraceExporter
from scheduler_monitoring.tracing.identity import (
    EXECUTE,
    ROOT,
    Sampler,
    sampler_of,
    span_id,
    trace_id,
    traceparent,
    tracing_wanted,
)
from scheduler_monitoring.tracing.spans import spans_of
from tests.contract.store.world import World, result
from tests.plugins.builders import order
from tests.plugins.http_server import send
from tests.plugins.monitoring.conftest import ENDPOINT, PLUGIN
from tests.plugins.monitoring.otlp import spans_sent_to
from tests.plugins.monitoring.traced_runs import (
    PLANNED,
    RUN,
    Exporting,
    history,
    seconds,
    transition,
)


class TestIds:
    def test_the_trace_is_the_run(self):
        assert f"{trace_id(RUN):032x}" == RUN.hex

    def test_spans_of_a_run_differ_and_are_the_same_each_time(self):
        assert span_id(RUN, ROOT) == span_id(RUN, ROOT)
        assert len({span_id(RUN, name) for name in ("run", "plan", "assign", "execute")}) == 4
        assert span_id(RUN, ROOT) != span_id(UUID(int=RUN.int + 1), ROOT)

    @pytest.mark.parametrize("sampled", [True, False])
    def test_opentelemetry_reads_what_the_job_is_told(self, sampled):
        from opentelemetry.trace import get_current_span

        carrier = {"traceparent": traceparent(RUN, EXECUTE, sampled)}
        context = TraceContextTextMapPropagator().extract(carrier)
        found = get_current_span(context).get_span_context()
        assert found.is_valid
        assert (found.trace_id, found.span_id) == (trace_id(RUN), span_id(RUN, EXECUTE))
        assert found.trace_flags.sampled is sampled

    def test_a_share_of_the_runs_is_sampled(self):
        runs = [uuid7() for _ in range(4000)]
        tenth = sum(Sampler(0.1).samples(run) for run in runs)
        assert 250 < tenth < 600
        assert all(Sampler().samples(run) for run in runs)
        assert not any(Sampler(0.0).samples(run) for run in runs)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("environ", "wanted"),
        [
            ({}, False),
            ({ENDPOINT: "http://c:4318"}, True),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
            ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
            ({"OTEL_TRACES_EXPORTER": "console, otlp"}, True),
            ({"OTEL_TRACES_EXPORTER": "none", ENDPOINT: "http://c:4318"}, False),
            ({"OTEL_SDK_DISABLED": "TRUE", ENDPOINT: "http://c:4318"}, False),
            ({"OTEL_SDK_DISABLED": "false", ENDPOINT: "http://c:4318"}, True),
            ({ENDPOINT: " "}, False),
        ],
    )
    def test_opentelemetrys_own_variables_switch_it_on(self, environ, wanted):
        assert tracing_wanted(environ) is wanted

    @pytest.mark.parametrize(
        ("kind", "argument", "share"),
        [
            ("", "", 1.0),
            ("always_on", "", 1.0),
            ("parentbased_always_on", "", 1.0),
            ("always_off", "", 0.0),
            ("traceidratio", "0.25", 0.25),
            ("parentbased_traceidratio", "0.25", 0.25),
            ("traceidratio", "many", 1.0),
            ("traceidratio", "7", 1.0),
            ("nan", "nan", 1.0),
        ],
    )
    def test_the_sampler_is_the_one_asked_for(self, kind, argument, share):
        given = {"OTEL_TRACES_SAMPLER": kind, "OTEL_TRACES_SAMPLER_ARG": argument}
        assert sampler_of(given).share == share

    def test_without_tracing_the_outbox_holds_nothing_for_the_plugin(self, monkeypatch):
        monkeypatch.delenv(ENDPOINT, raising=False)
        host = PluginHost.load([PLUGIN])
        assert host.declared_transitions() == frozenset()
        assert type(host.plugins[-1]) is MonitoringPlugin

    def test_with_tracing_it_holds_the_ends_of_runs(self, monkeypatch):
        monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
        host = PluginHost.load([PLUGIN])
        ends = {new for _, new in host.declared_transitions()}
        assert RunState.RUNNING not in ends and RunState.SUCCEEDED in ends
        assert type(host.plugins[-1]) is TracingMonitoringPlugin

    def test_with_tracing_it_still_loads_before_django_is_set_up(self):
        script = (
            "import sys; from scheduler_monitoring.plugin import MonitoringPlugin as Found;"
            " print(type(Found()).__name__, 'scheduler.models' in sys.modules)"
        )
        environment = {
            ENDPOINT: "http://127.0.0.1:9",
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        }
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["TracingMonitoringPlugin", "False"]

    def test_the_run_finds_its_context(self, monkeypatch):
        monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
        plugin = MonitoringPlugin()
        assert isinstance(plugin, TracingMonitoringPlugin)
        told = plugin.scheduler_run_environment(order("management_command"))
        run_id = order("management_command").run_id
        assert told == {"TRACEPARENT": traceparent(run_id, EXECUTE, sampled=True)}


class TestSpans:
    def test_a_run_is_told_from_its_planning_to_its_record(self):
        root, *parts = spans_of(history(), seconds(8.2))
        assert (root.name, root.parent, root.failed) == ("run report", None, False)
        assert (root.start, root.end) == (PLANNED, seconds(8.2))
        assert {part.parent for part in parts} == {root.span}
        told = [(part.name, part.start, part.end) for part in parts]
        assert told == [
            ("plan", PLANNED, PLANNED),
            ("assign", PLANNED, seconds(1)),
            ("dispatch", seconds(1), seconds(5)),
            ("execute", seconds(5), seconds(8)),
            ("finish", seconds(8), seconds(8.2)),
        ]

    def test_a_run_planned_after_it_was_due_shows_how_late(self):
        root, plan, *_ = spans_of(history(due_at=seconds(-60)), seconds(9))
        assert (plan.start, plan.end) == (seconds(-60), PLANNED)
        assert root.start == seconds(-60)

    def test_a_failure_is_told_with_its_reason(self):
        failed = history(state=RunState.FAILED, reason="EXIT_CODE", exit_code=3)
        found = {span.name: span for span in spans_of(failed, seconds(9))}
        assert found["execute"].failed and found["execute"].told == "EXIT_CODE"
        assert found["run report"].failed and not found["finish"].failed
        assert found["run report"].attributes["scheduler.run.exit_code"] == 3

    def test_a_skipped_run_has_no_steps_it_never_came_to(self):
        skipped = history(
            state=RunState.SKIPPED, assigned_at=None, started_at=None, finished_at=seconds(6)
        )
        assert [span.name for span in spans_of(skipped, seconds(6))] == ["run report", "plan"]

    def test_a_retry_links_to_the_attempt_before(self):
        former = uuid7()
        root, *parts = spans_of(history(attempt=2, retry_of=former), seconds(9))
        assert root.link == (trace_id(former), span_id(former, ROOT))
        assert all(part.link is None for part in parts)

    def test_clocks_that_differ_make_no_span_that_ends_before_it_begins(self):
        odd = history(assigned_at=seconds(2), started_at=seconds(1), finished_at=seconds(0.5))
        assert all(span.start <= span.end for span in spans_of(odd, seconds(0.1)))


def nobody_asks(run_ids: Iterable[UUID]) -> Mapping[UUID, RunHistory]:
    raise AssertionError("the rows were asked for")


class TestExport:
    def test_the_receiver_gets_a_whole_trace(self, collector):
        exporting = Exporting(history(state=RunState.FAILED, reason="TIMEOUT"))
        exporting.export(transition(RUN, seconds(9), RunState.FAILED))
        spans = {span.name: span for span in spans_sent_to(collector)}
        assert set(spans) == {"run report", "plan", "assign", "dispatch", "execute", "finish"}
        assert {span.trace_id for span in spans.values()} == {RUN.bytes}
        root, execute = spans["run report"], spans["execute"]
        assert root.parent_span_id == b"" and execute.parent_span_id == root.span_id
        assert execute.span_id == span_id(RUN, EXECUTE).to_bytes(8)
        assert execute.status.code == Status.STATUS_CODE_ERROR
        assert execute.status.message == "TIMEOUT"
        took = execute.end_time_unix_nano - execute.start_time_unix_nano
        assert took == 3 * 10**9
        told = {each.key: each.value.string_value for each in root.attributes}
        assert told["scheduler.job.name"] == "report"
        assert exporting.counted == [("run", "exported", 1)]

    def test_the_service_is_named_and_the_environment_names_it_otherwise(
        self, collector, monkeypatch
    ):
        def names() -> dict[str, str]:
            request = ExportTraceServiceRequest.FromString(collector.asked[-1].body)
            (resource,) = request.resource_spans
            return {x.key: x.value.string_value for x in resource.resource.attributes}

        Exporting(history()).export(transition(RUN, seconds(9)))
        assert names()["service.name"] == "scheduler"
        monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        Exporting(history()).export(transition(RUN, seconds(9)))
        assert names()["service.name"] == "nightly"
        assert names()["deployment.environment"] == "test"

    def test_what_is_told_twice_is_the_same_trace(self, collector):
        exporting = Exporting(history())
        for _ in range(2):
            exporting.export(transition(RUN, seconds(9)))
        first, second = (asked.body for asked in collector.asked)
        assert first == second

    def test_a_refused_export_is_raised_so_that_it_comes_again(self, collector):
        collector.answer = lambda h: send(h, 400, b"")
        exporting = Exporting(history())
        with pytest.raises(Exception, match="took no traces"):
            exporting.export(transition(RUN, seconds(9)))
        collector.answer = lambda h: send(h, 200, b"")
        exporting.export(transition(RUN, seconds(9)))
        assert exporting.counted == [("run", "exported", 1)]

    def test_what_failed_for_ten_minutes_is_dropped_and_counted(self, collector):
        collector.answer = lambda h: send(h, 400, b"")
        exporting = Exporting(history())
        exporting.now = seconds(9 + 601)
        exporting.export(transition(RUN, seconds(9)))
        assert exporting.counted == [("run", "dropped", 1)]

    def test_a_collector_that_is_gone_is_not_waited_for_by_all_that_is_dropped(self, collector):
        collector.answer = lambda h: send(h, 400, b"")
        exporting = Exporting(history())
        exporting.now = seconds(9 + 601)
        for tries, later in ((1, 0), (1, 30), (1, 59), (2, 61)):
            exporting.now = seconds(9 + 601 + later)
            exporting.export(transition(RUN, seconds(9)))
            assert len(collector.asked) == tries
        assert exporting.counted == [("run", "dropped", 1)] * 4

    def test_what_is_young_is_tried_also_while_old_ones_are_dropped(self, collector):
        collector.answer = lambda h: send(h, 400, b"")
        exporting = Exporting(history())
        exporting.now = seconds(9 + 601)
        exporting.export(transition(RUN, seconds(9)))
        collector.answer = lambda h: send(h, 200, b"")
        exporting.export(transition(RUN, seconds(601)))
        exporting.export(transition(RUN, seconds(9)))
        assert [outcome for _, outcome, _ in exporting.counted] == [
            "dropped",
            "exported",
            "exported",
        ]

    def test_a_protocol_that_is_not_spoken_is_named(self, collector, monkeypatch):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        collector.answer = lambda h: send(h, 400, b"")
        with pytest.raises(Exception, match="only OTLP over HTTP is spoken, not grpc"):
            Exporting(history()).export(transition(RUN, seconds(9)))

    def test_a_run_that_was_purged_meanwhile_is_left_out(self, collector):
        exporting = Exporting()
        exporting.export(transition(RUN, seconds(9)))
        assert collector.asked == [] and exporting.counted == []

    def test_runs_that_are_not_sampled_are_not_looked_up(self, collector):
        exporting = Exporting(history())
        exporting.exporter = TraceExporter(Sampler(0.0), lambda *_: None, histories=nobody_asks)
        exporting.export(transition(RUN, seconds(9)))
        assert collector.asked == []

    def test_a_retry_brings_its_link(self, collector):
        former = uuid7()
        run = replace(history(), attempt=2, retry_of=former)
        Exporting(run).export(transition(RUN, seconds(9)))
        (link,) = [link for span in spans_sent_to(collector) for link in span.links]
        assert link.trace_id == former.bytes


def test_the_rows_of_runs_become_traces(world: World, collector, monkeypatch):
    """Through the plugin's host, as the leader's outbox tells it."""
    host = PluginHost.load([PLUGIN])
    host.configure(rows={}, environ={"SCHEDULER_PLUGINS": PLUGIN})
    report = world.define("report")
    good, late = world.plan(report, 2)
    ((_, token),) = world.start([good]).items()
    world.workers.finish("w-1", [result(good, token)])
    world.leader.skip(world.fence, [(late, Reason.SKIP_LATE, "too late")])
    now = datetime.now(UTC)
    told = [transition(good, now), transition(late, now, RunState.SKIPPED)]
    assert host.deliver("monitoring", told), json.dumps([str(f) for f in host.failures])
    traces: dict[bytes, set[str]] = {}
    for span in spans_sent_to(collector):
        traces.setdefault(span.trace_id, set()).add(span.name.split()[0])
    assert traces == {
        good.bytes: {"run", "plan", "assign", "dispatch", "execute", "finish"},
        late.bytes: {"run", "plan"},
    }


def test_a_collector_that_is_gone_fails_the_delivery_and_says_so(world: World, monkeypatch, caplog):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    host = PluginHost.load([PLUGIN])
    host.configure(rows={}, environ={"SCHEDULER_PLUGINS": PLUGIN})
    (run,) = world.plan(world.define("report"))
    assert not host.deliver("monitoring", [transition(run, datetime.now(UTC))])
    (failure,) = host.failures
    assert failure.hook == "scheduler_run_transitioned" and "no traces" in failure.last_error
    # It is a plugin's failure, and not the library's error once more each time.
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
