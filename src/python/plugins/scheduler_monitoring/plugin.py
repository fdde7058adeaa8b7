"""The plugin: what it brings to workers and to the site. The work is done in the modules beside."""

import os
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from scheduler.plugin_api.archive import ArchivedLog
from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.metrics import RunMeasure
from scheduler.plugin_api.mounts import UrlMount, WorkerPage
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import LeadershipChange, Service, WorkerView
from scheduler.plugin_api.values import HealthCheck, RunState, RunTransition, StartOrder
from scheduler_monitoring.settings import MonitoringSettings
from scheduler_monitoring.tracing.identity import (
    ARCHIVE,
    EXECUTE,
    ROOT,
    sampler_of,
    traceparent,
    tracing_wanted,
)

if TYPE_CHECKING:
    from scheduler_monitoring.tracing.exporting import TraceExporter
    from scheduler_monitoring.worker_page import WorkerFigures


class MonitoringPlugin(Plugin):
    """Figures, alerts, and where OpenTelemetry's variables ask for it, traces."""

    name = "monitoring"
    settings_model = MonitoringSettings
    settings: MonitoringSettings

    def __new__(cls) -> "MonitoringPlugin":
        # Who hears of transitions has them written down for it, one row per run: only who traces.
        traces = cls is MonitoringPlugin and tracing_wanted(os.environ)
        return super().__new__(TracingMonitoringPlugin if traces else cls)

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: WorkerFigures | None = None

    @hookimpl
    def scheduler_django_apps(self) -> Sequence[str]:
        return ("scheduler_monitoring",)

    @hookimpl
    def scheduler_url_mounts(self) -> Sequence[UrlMount]:
        return (UrlMount("", "scheduler_monitoring.urls"),)

    @hookimpl
    def scheduler_worker_pages(self, worker: WorkerView) -> Sequence[WorkerPage]:
        from scheduler_monitoring.worker_page import WorkerPageAnswer

        return (WorkerPage("/metrics", WorkerPageAnswer(self._figures(), worker, self._token)),)

    @hookimpl
    def scheduler_worker_services(self, worker: WorkerView) -> Sequence[Service]:
        from scheduler_monitoring.certificates import CertificateNotes

        return (Service("certificate", CertificateNotes(worker).tick),)

    @hookimpl
    def scheduler_leader_services(self, worker: WorkerView) -> Sequence[Service]:
        # Models are not there yet when plugins are loaded.
        from scheduler_monitoring.tallies import Tallier

        tallier = Tallier(self._max_jobs)
        return (Service("tallies", tallier.tick, tallier.close),)

    @hookimpl
    def scheduler_runs_measured(self, measures: Sequence[RunMeasure]) -> None:
        self._figures().measured(measures)

    @hookimpl
    def scheduler_leadership_changed(self, change: LeadershipChange) -> None:
        self._figures().leadership_changed(change)

    @hookimpl
    def scheduler_health_checks(self) -> Sequence[HealthCheck]:
        from scheduler_monitoring.health import checks

        return checks(lambda: self.settings)

    def _figures(self) -> "WorkerFigures":
        # Made by a worker only: what the server of its forks does not load, no fork has to copy.
        from scheduler_monitoring.worker_page import WorkerFigures

        with self._lock:
            if self._made is None:
                self._made = WorkerFigures(self._max_jobs)
            return self._made

    def _token(self) -> str:
        return self.settings.metrics_token.get_secret_value()

    def _max_jobs(self) -> int:
        return self.settings.metrics_max_jobs


class TracingMonitoringPlugin(MonitoringPlugin):
    """The same with a trace of each run."""

    run_states = frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.TIMED_OUT,
            RunState.CANCELED,
            RunState.ORPHANED,
            RunState.SKIPPED,
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._sampler = sampler_of(os.environ)
        # One for each of the two threads on which is told what is sent.
        self._exporters: dict[str, TraceExporter] = {}

    @hookimpl
    def scheduler_run_environment(self, order: StartOrder) -> Mapping[str, str]:
        sampled = self._sampler.samples(order.run_id)
        return {"TRACEPARENT": traceparent(order.run_id, EXECUTE, sampled)}

    @hookimpl
    def scheduler_run_transitioned(self, transitions: Sequence[RunTransition]) -> None:
        self._exporter(ROOT).export(transitions)

    @hookimpl
    def scheduler_logs_archived(self, logs: Sequence[ArchivedLog]) -> None:
        self._exporter(ARCHIVE).export_archived(logs)

    @hookimpl
    def scheduler_stopping(self) -> None:
        with self._lock:
            exporters = list(self._exporters.values())
        for one in exporters:
            one.close()

    def _exporter(self, of: str) -> "TraceExporter":
        # Models are not there yet when plugins are loaded; the SDK is needed by the leader only.
        from scheduler_monitoring.tracing.exporting import TraceExporter

        count = self._figures().traced
        with self._lock:
            if of not in self._exporters:
                self._exporters[of] = TraceExporter(self._sampler, count)
            return self._exporters[of]
