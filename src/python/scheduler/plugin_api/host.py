"""The plugins at work: asked through their hooks, each kept from harming the rest.

A plugin that raises, answers with what was not asked for, or takes too long is counted in
``failures``, and its answer is missing; nothing of it reaches the caller. What two plugins claim
for themselves stops the start with a PluginProblem. The modules beside this one do the work:
``calls`` (isolation), ``limits`` (time), ``group_settings``, ``running``, ``telling``,
``reports``, ``surroundings``, ``archive_reading``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scheduler.plugin_api.archive import ArchivedLog
from scheduler.plugin_api.archive_reading import ArchiveReader, Archives
from scheduler.plugin_api.calls import PluginCalls
from scheduler.plugin_api.failures import PluginFailure
from scheduler.plugin_api.group_settings import GroupSettings, Reload
from scheduler.plugin_api.limits import CallUnderWay
from scheduler.plugin_api.loading import Installed, load_plugins
from scheduler.plugin_api.metrics import Metric, RunMeasure
from scheduler.plugin_api.mounts import PageAnswer, PageRequest, UrlMount, WorkerPage
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.reports import HealthResult, Reports
from scheduler.plugin_api.resolution import Resolved
from scheduler.plugin_api.running import NOTHING_ADDED, Environments, Running
from scheduler.plugin_api.services import LeadershipChange, WorkerView
from scheduler.plugin_api.settings import SettingsModel
from scheduler.plugin_api.surroundings import PluginService, Surroundings
from scheduler.plugin_api.telling import Telling
from scheduler.plugin_api.values import (
    Alert,
    Executor,
    JobSketch,
    LaunchSite,
    LaunchSpec,
    RunState,
    RunTransition,
    StartOrder,
)

__all__ = ["HealthResult", "PluginFailure", "PluginHost", "PluginService", "Reload"]


class PluginHost:
    """The plugins of this process. Make it with :meth:`load`, then :meth:`configure` it."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._calls = calls = PluginCalls(plugins)
        self._settings = GroupSettings(calls)
        self._running, self._telling = Running(calls), Telling(calls)
        self._reports, self._surroundings = Reports(calls), Surroundings(calls)
        self._archives = Archives(calls)

    @classmethod
    def load(cls, names: Iterable[str], installed: Installed | None = None) -> "PluginHost":
        """Load what ``SCHEDULER_PLUGINS`` lists. Raises PluginProblem for what is wrong with it."""
        return cls(load_plugins(names, installed))

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The core's own first, then those listed, in order."""
        return self._calls.plugins

    def hooks_of(self, plugin: str, hooks: Iterable[str]) -> tuple[str, ...]:
        """Those of ``hooks`` that the plugin implements."""
        return tuple(hook for hook in hooks if self._calls.hook(plugin, hook) is not None)

    # ------------------------------------------------------------------------ what went wrong

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        """What went wrong in plugins since this process started."""
        return self._calls.failures.all()

    def under_way(self) -> tuple[CallUnderWay, ...]:
        """The calls of plugins that have not returned, the oldest first; also those given up."""
        return self._calls.limits.under_way()

    # ------------------------------------------------------------------------------ settings

    @property
    def settings_models(self) -> tuple[type[SettingsModel], ...]:
        """All groups of settings, the core's first."""
        return self._settings.models

    def settings_of(self, plugin: str) -> tuple[type[SettingsModel], ...]:
        """The groups of one plugin."""
        return self._settings.owned_by(plugin)

    def configure(
        self, *, rows: Mapping[str, str], environ: Mapping[str, str]
    ) -> tuple[Resolved[Any], ...]:
        """Resolve all settings and hand each plugin its own; again after a reload.

        Raises InvalidSetting or SettingsConflict for the environment's; bad rows are told in the
        answers' ``problems``. Nothing changes when it raises.
        """
        return self._settings.configure(rows, environ)

    def reload(self, *, rows: Mapping[str, str], environ: Mapping[str, str]) -> Reload:
        """Take up changed settings while running; nothing that is wrong stops anybody.

        What needs a restart keeps its value. A group that cannot be resolved stays as it is.
        """
        return self._settings.reload(rows, environ)

    def resolved[M: SettingsModel](self, model: type[M]) -> Resolved[M]:
        """The settings in force of one group."""
        return self._settings.of(model)

    # ---------------------------------------------------------------------------------- runs

    @property
    def executors(self) -> Mapping[str, Executor]:
        """All executors by name. Raises PluginProblem for a name that two plugins want."""
        return self._running.executors

    def prepare(
        self, order: StartOrder, site: LaunchSite, environment: Mapping[str, str] = NOTHING_ADDED
    ) -> LaunchSpec:
        """The process of an order: the executor's word on what to run, the order's on all else,
        with the ``environment`` that plugins add (the executor's, and the core's, go over it).

        Raises UnknownExecutor, PluginProblem, or another SchedulerError for a bad order.
        """
        return self._running.prepare(order, site, environment)

    def environments(self, orders: Sequence[StartOrder]) -> Callable[[], Environments]:
        """Begins to ask plugins what they add to the environment of each run; the answer waits for
        it, and has nothing of a plugin that failed, or that had not answered within the limit."""
        return self._running.environments(orders)

    def validate_job(self, executor: str, job: JobSketch) -> str | None:
        """None, or the sentence that says why the job cannot be run as it is."""
        return self._running.validate_job(executor, job)

    # --------------------------------------------------------------------------- what is told

    def transition_readers(self) -> dict[str, frozenset[RunState]]:
        """The plugins that are to be told of transitions, with the states each declared."""
        return self._telling.transition_readers()

    def declared_transitions(self) -> frozenset[tuple[RunState, RunState]]:
        """Every allowed (old, new) that some plugin is to be told of: what the outbox holds."""
        return self._telling.declared_transitions()

    def deliver(self, plugin: str, transitions: Sequence[RunTransition]) -> bool:
        """Tell one plugin, of those in its ``run_states``; False when it failed and is to be told
        the same again. Without limit: for a thread of its own."""
        return self._telling.deliver(plugin, transitions)

    def alert_readers(self) -> tuple[str, ...]:
        """The plugins that hear of alerts."""
        return self._telling.alert_readers

    def deliver_alerts(self, plugin: str, alerts: Sequence[Alert]) -> bool:
        """Tell one plugin, in order, until it fails; False then: it is to be told the same
        again. Without limit: for a thread of its own."""
        return self._telling.deliver_alerts(plugin, alerts)

    def archived_readers(self) -> tuple[str, ...]:
        """The plugins that hear of archived logs: for whom they are written down."""
        return self._telling.archived_readers

    def deliver_archived(self, plugin: str, logs: Sequence[ArchivedLog]) -> bool:
        """Tell one plugin; False when it failed and is to be told the same again. Without limit:
        for a thread of its own."""
        return self._telling.deliver_archived(plugin, logs)

    def measure_readers(self) -> tuple[str, ...]:
        """The plugins that hear of finished runs."""
        return self._telling.measure_readers

    def measured(self, measures: Sequence[RunMeasure]) -> None:
        """Tell them of finished runs."""
        self._telling.measured(measures)

    def not_measured(self, error: Exception) -> None:
        """Count, for each of them, that it was not told of runs."""
        self._telling.not_measured(error)

    def leadership_readers(self) -> tuple[str, ...]:
        """The plugins that hear of leadership."""
        return self._telling.leadership_readers

    def leadership_changed(self, change: LeadershipChange) -> None:
        """Tell them that this worker's leadership began or ended."""
        self._telling.leadership_changed(change)

    # --------------------------------------------------------------------- health and figures

    def health(self) -> tuple[HealthResult, ...]:
        """Ask every check, side by side. One that raises or takes too long is FAILING."""
        return self._reports.health()

    def metrics(self) -> tuple[Metric, ...]:
        """The figures of all plugins in this process, and of their failures."""
        return self._reports.metrics()

    # ---------------------------------------------------------------- what plugins add around

    def django_apps(self) -> tuple[str, ...]:
        """Apps for INSTALLED_APPS. Raises PluginProblem for one that two plugins bring."""
        return self._surroundings.django_apps()

    def url_mounts(self) -> tuple[tuple[str, UrlMount], ...]:
        """(plugin, mount) of the site. Raises PluginProblem for a prefix that two plugins want."""
        return self._surroundings.url_mounts()

    def worker_pages(self, worker: WorkerView) -> dict[str, tuple[str, WorkerPage]]:
        """(plugin, page) by path. Raises PluginProblem for a path that two plugins want."""
        return self._surroundings.worker_pages(worker)

    def answer(self, plugin: str, page: WorkerPage, request: PageRequest) -> PageAnswer | None:
        """A page's answer; None: it failed."""
        return self._surroundings.answer(plugin, page, request)

    def worker_services(self, worker: WorkerView) -> tuple[PluginService, ...]:
        """The services of each worker."""
        return self._surroundings.services("scheduler_worker_services", worker)

    def leader_services(self, worker: WorkerView) -> tuple[PluginService, ...]:
        """The services of the leader."""
        return self._surroundings.services("scheduler_leader_services", worker)

    def tick(self, service: PluginService) -> float | None:
        """One round of a service: the seconds until the next; None: it failed. Without limit: for
        a thread of its own."""
        return self._surroundings.tick(service)

    def close(self, services: Sequence[PluginService]) -> None:
        """The end of services, side by side."""
        self._surroundings.close(services)

    def ready(self, worker: WorkerView) -> None:
        """Tell all plugins, side by side, that the worker has started."""
        self._surroundings.ready(worker)

    def stopping(self) -> None:
        """Tell all plugins, side by side, that the worker is about to leave."""
        self._surroundings.stopping()

    def log_archive(self) -> ArchiveReader | None:
        """Where logs are read that neither a worker nor this machine has. A plugin is asked until
        it has answered once."""
        return self._archives.reader()

    def archives_logs(self) -> bool:
        """Whether logs are archived at present. Whoever would delete them is told True where a
        plugin that may bring an archive does not answer."""
        return self._archives.takes_logs()
