"""Every hook of the scheduler, with its promise.

All hooks: a plugin's exception is caught, logged and counted; it never stops the scheduler or
another plugin. Plugins are called in the order of ``SCHEDULER_PLUGINS``, after the core's own.
Hook wrappers, ``tryfirst`` and ``trylast`` are refused: they make one plugin depend on another.
"""

from collections.abc import Sequence

import pluggy

from scheduler.plugin_api.settings import SettingsModel
from scheduler.plugin_api.values import Alert, Executor, HealthCheck, RunTransition

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
