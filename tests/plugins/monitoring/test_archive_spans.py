"""The span ``archive``: told after the trace, of logs that a plugin that knows nothing of ours
took away."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from scheduler.bootstrap.feeds import plugin_feeds
from scheduler.models import ArchivedLogOutbox, JobRun
from scheduler.plugin_api.archive import ArchivedLog
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.host import PluginHost
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import Service
from scheduler.queries.plugins import forget_plugins
from scheduler.requests.run_logs import record_log_refs
from scheduler.testing.worker_view import FakeWorkerView
from scheduler_monitoring.tracing.identity import ARCHIVE, ROOT, span_id
from scheduler_monitoring.tracing.spans import archive_span
from tests.contract.store.world import World, result
from tests.plugins.http_server import LocalServer, send
from tests.plugins.monitoring.conftest import ENDPOINT, PLUGIN
from tests.plugins.monitoring.otlp import spans_sent_to
from tests.plugins.monitoring.traced_runs import RUN, Exporting, history, seconds

ARCHIVE_PLUGIN = f"{__name__}.OtherPlugin"


class OtherPlugin(Plugin):
    """Takes logs to an archive, as any plugin may: it imports what plugins may, and not ours."""

    name = "other"
    ended: tuple[UUID, ...] = ()

    @hookimpl
    def scheduler_worker_services(self, worker: object) -> list[Service]:
        return [Service("uploads", self.upload)]

    def upload(self) -> float:
        record_log_refs({run: f"https://logs.example.com/{run}.log" for run in self.ended})
        return 60.0


class Cluster:
    """The real way from an uploader to the collector; each ``leader`` is a process anew."""

    def __init__(self, world: World) -> None:
        self.world = world

    def finished_run(self) -> UUID:
        (run,) = self.world.plan(self.world.define(f"job-{self.world.next_seq()}"))
        ((_, token),) = self.world.start([run]).items()
        self.world.workers.finish("w-1", [result(run, token)])
        return run

    def archive(self, *runs: UUID) -> None:
        """One round of the other plugin's service, through its hook."""
        host = PluginHost.load([ARCHIVE_PLUGIN])
        (service,) = host.worker_services(FakeWorkerView())
        (other,) = (one for one in host.plugins if one.name == "other")
        other.ended = runs  # type: ignore[attr-defined]
        assert host.tick(service), [str(one) for one in host.failures]

    def leader(self, monkeypatch: pytest.MonkeyPatch, undo: ExitStack) -> "Leader":
        return Leader(self.world, monkeypatch, undo)


class Leader:
    """The loops that a leader has for its plugins."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, undo: ExitStack) -> None:
        monkeypatch.setattr("scheduler.bootstrap.feeds.Loop", lambda name, tick, _: (name, tick))
        self.host = PluginHost.load([ARCHIVE_PLUGIN, PLUGIN])
        self.host.configure(rows={}, environ={})
        parts = SimpleNamespace(
            leadership=SimpleNamespace(term=SimpleNamespace(fence=world.fence)),
            adapters=SimpleNamespace(clock=None),
        )
        self.loops = dict(plugin_feeds(self.host, parts, world.database, undo))  # type: ignore[arg-type]

    def tick(self) -> float:
        """Seconds until the next."""
        return self.loops["archived-monitoring"](0.0)


@pytest.fixture
def cluster(world: World, collector: LocalServer, monkeypatch) -> Iterator[Cluster]:
    monkeypatch.setenv("SCHEDULER_PLUGINS", f"{ARCHIVE_PLUGIN},{PLUGIN}")
    forget_plugins()
    yield Cluster(world)
    forget_plugins()


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as undo:
        yield undo


def archive_spans(collector: LocalServer) -> list[Span]:
    return [span for span in spans_sent_to(collector) if span.name == "archive"]


def test_a_log_that_was_archived_adds_a_span_to_its_runs_trace(
    cluster, collector, monkeypatch, undo
):
    run = cluster.finished_run()
    leader = cluster.leader(monkeypatch, undo)
    leader.tick()
    assert collector.asked == []
    cluster.archive(run)
    assert leader.tick() == 0.0
    (span,) = spans_sent_to(collector)
    assert (span.name, span.trace_id) == ("archive", run.bytes)
    assert span.span_id == span_id(run, ARCHIVE).to_bytes(8)
    assert span.parent_span_id == span_id(run, ROOT).to_bytes(8)
    finished_at = JobRun.objects.get(pk=run).finished_at
    assert finished_at is not None
    assert abs(span.start_time_unix_nano - finished_at.timestamp() * 1e9) < 1e6
    assert span.end_time_unix_nano >= span.start_time_unix_nano
    (told,) = span.attributes
    assert told.value.string_value == f"https://logs.example.com/{run}.log"
    assert ArchivedLogOutbox.objects.count() == 0
    leader.tick()
    assert len(collector.asked) == 1


def test_a_collector_that_was_away_gets_it_later_even_of_another_leader(
    cluster, collector, monkeypatch, undo
):
    collector.answer = lambda h: send(h, 400, b"")
    run = cluster.finished_run()
    cluster.archive(run)
    assert cluster.leader(monkeypatch, undo).tick() >= 1.0
    first = collector.asked[-1].body
    collector.answer = lambda h: send(h, 200, b"")
    cluster.world.elect("w-2")
    cluster.leader(monkeypatch, undo).tick()
    assert collector.asked[-1].body == first
    assert len(collector.asked) == 2


def test_an_upload_that_is_done_again_makes_no_second_span(cluster, collector, monkeypatch, undo):
    run = cluster.finished_run()
    leader = cluster.leader(monkeypatch, undo)
    for _ in range(2):
        cluster.archive(run)
        leader.tick()
    assert len(archive_spans(collector)) == 1


def test_a_log_whose_run_was_purged_meanwhile_is_left_out(cluster, collector, monkeypatch, undo):
    run = cluster.finished_run()
    cluster.archive(run)
    JobRun.objects.filter(pk=run).delete()
    assert cluster.leader(monkeypatch, undo).tick() == 0.0
    assert collector.asked == []


def test_without_opentelemetrys_variables_nothing_is_written_down(cluster, monkeypatch, undo):
    monkeypatch.delenv(ENDPOINT)
    forget_plugins()
    cluster.archive(cluster.finished_run())
    assert ArchivedLogOutbox.objects.count() == 0
    assert "archived-monitoring" not in cluster.leader(monkeypatch, undo).loops


class TestTheSpan:
    def test_lies_between_the_end_of_the_run_and_the_record_of_its_log(self):
        span = archive_span(history(), "https://x", seconds(20))
        assert (span.start, span.end) == (seconds(8), seconds(20))
        assert span.attributes == {"scheduler.run.log_ref": "https://x"}

    def test_never_ends_before_it_begins(self):
        span = archive_span(history(), "https://x", seconds(1))
        assert span.start == span.end == seconds(8)

    def test_is_told_for_sampled_runs_only_and_counted_by_itself(self, collector):
        exporting = Exporting(history())
        exporting.exporter.export_archived([ArchivedLog(RUN, "https://x", seconds(20))])
        assert exporting.counted == [("archive", "exported", 1)]
        exporting = Exporting(history(), share=0.0)
        exporting.exporter.export_archived([ArchivedLog(RUN, "https://x", seconds(20))])
        assert exporting.counted == [] and len(collector.asked) == 1

    def test_that_nobody_took_for_ten_minutes_is_dropped(self, collector):
        collector.answer = lambda h: send(h, 400, b"")
        exporting = Exporting(history())
        exporting.now = seconds(20) + timedelta(seconds=601)
        exporting.exporter.export_archived([ArchivedLog(RUN, "https://x", seconds(20))])
        assert exporting.counted == [("archive", "dropped", 1)]
