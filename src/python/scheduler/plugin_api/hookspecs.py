"""Every hook of the scheduler, with its promise.

All hooks: a plugin's exception is caught, logged and counted; it never stops the scheduler or
another plugin. Plugins are called in the order of ``SCHEDULER_PLUGINS``, after the core's own.
Hook wrappers, ``tryfirst`` and ``trylast`` are refused: they make one plugin depend on another.
"""

from collections.abc import Mapping, Sequence

import pluggy

from scheduler.plugin_api.archive import ArchivedLog, LogArchive
from scheduler.plugin_api.metrics import Metric, RunMeasure
from scheduler.plugin_api.mounts import UrlMount, WorkerPage
from scheduler.plugin_api.services import LeadershipChange, Service, WorkerView
from scheduler.plugin_api.settings import SettingsModel
from scheduler.plugin_api.values import Alert, Executor, HealthCheck, RunTransition, StartOrder

PROJECT = "scheduler"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class SchedulerHooks:
    """The hooks. A plugin implements those it wants, each marked with ``hookimpl``."""

    @hookspec
    def scheduler_settings(self) -> Sequence[type[SettingsModel]]:
        """The plugin's groups of settings.

        Called once, when plugins are loaded, before any other hook. The names join the core's:
        environment, RDB, help, reference page. A name that another group has is refused. The
        base class answers with ``settings_model``.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_executors(self) -> Sequence[Executor]:
        """The ways of running jobs that the plugin adds.

        Called once at the start of each process, with settings in place. A name that another
        plugin or the core has stops the start.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_run_transitioned(self, transitions: Sequence[RunTransition]) -> None:
        """Runs changed state, to a state in the plugin's ``run_states``.

        Called in one process of the cluster at a time (the leader's), in a thread of its own,
        after the change was committed; in order for each run, at least once: after an exception
        or a crash the same batch comes again. So act idempotently, and raise to get it again.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_alert(self, alert: Alert) -> None:
        """Something happened that people should hear of: a quarantine began or was released, the
        cluster was paused or resumed, a job spent its retry budget (``AlertCode``).

        Called in one process of the cluster at a time (the leader's), in a thread of its own,
        after the commit of what it tells of; one alert after the other, at least once: after an
        exception or a crash the same one comes again, with the same ``alert_id``. So act
        idempotently, and raise to get it again. A plugin enabled anew begins an hour back.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_health_checks(self) -> Sequence[HealthCheck]:
        """What the plugin knows to ask about the world outside.

        Called once at the start of each process; the checks are asked whenever health is shown.
        A check that raises is shown as failing.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_django_apps(self) -> Sequence[str]:
        """Apps for Django's ``INSTALLED_APPS``: tables, commands, templates, texts.

        Called once in each process, while Django's settings are read: no model may be imported
        yet, and ``settings`` are not there.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_url_mounts(self) -> Sequence[UrlMount]:
        """The plugin's pages in the web process.

        Called once when addresses are first resolved; ``settings`` are not there. What the core
        serves comes first, then the plugins in order. A prefix that another plugin has stops the
        start; the empty one may be shared.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_worker_pages(self, worker: WorkerView) -> Sequence[WorkerPage]:
        """The plugin's pages in each worker; called once at its start.

        They are served only where ``SCHEDULER_WORKER_HTTP_PORT`` is set. A path that another
        plugin has stops the start.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_ready(self, worker: WorkerView) -> None:
        """A worker has started: its loops run.

        Called once, all plugins side by side, with a time limit. It need not have joined the
        cluster yet: ``worker.snapshot().joined`` says.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_stopping(self) -> None:
        """The worker's runs have ended and it is about to leave: the last chance to send what is
        held. Called once, with a time limit; not after a kill."""
        raise NotImplementedError

    @hookspec
    def scheduler_worker_services(self, worker: WorkerView) -> Sequence[Service]:
        """What the plugin does in the background of each worker.

        Called once at its start, before ``scheduler_ready``; each service has a thread of its own.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_leader_services(self, worker: WorkerView) -> Sequence[Service]:
        """What the plugin does in the background of the leader. Called once at each worker's
        start; ticked only while that worker leads.

        The last tick of an old leader may overlap the first of the new one: what must be done once
        is decided by the database.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_leadership_changed(self, change: LeadershipChange) -> None:
        """This worker's leadership began or ended. Called in order, after the fact, in a thread of
        its own with a time limit; not durable: a killed leader tells nobody."""
        raise NotImplementedError

    @hookspec
    def scheduler_runs_measured(self, measures: Sequence[RunMeasure]) -> None:
        """Runs of this worker have finished, and their outcome is committed.

        Called in each worker for its own runs, in a thread of its own; not durable: what a killed
        worker had not told is lost, and where a plugin is slower than the runs the oldest are
        dropped and counted. For what must not be lost there is ``scheduler_run_transitioned``.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_run_environment(self, order: StartOrder) -> Mapping[str, str]:
        """What a run finds in its environment beside its own.

        On the way of every run, so with a short time limit, which runs that start together share;
        after a failure or past the limit a run starts without. Names that begin with
        ``SCHEDULER_`` are left out.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_log_archive(self) -> LogArchive | None:
        """Where logs are read that neither the worker nor this machine has, and whether they go
        there at present (``LogArchive``).

        Called once in each process that reads logs, and again after a failure; the first answer
        that is not None counts.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_logs_archived(self, logs: Sequence[ArchivedLog]) -> None:
        """Logs have come to the place where the archive keeps them.

        Called in one process of the cluster at a time (the leader's), in a thread of its own,
        after what it tells was committed; at least once: after an exception or a crash the same
        batch comes again. So act idempotently, and raise to get it again. Where no plugin has
        this hook nothing is written down for it.
        """
        raise NotImplementedError

    @hookspec
    def scheduler_metrics(self) -> Sequence[Metric]:
        """Figures of the plugin in this process.

        Called at each scrape, all plugins side by side, with a time limit: past it the figures are
        left out of that scrape. A name should be one plugin's only.
        """
        raise NotImplementedError
