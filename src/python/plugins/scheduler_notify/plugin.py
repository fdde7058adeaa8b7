"""The plugin's hooks."""

from collections.abc import Sequence

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.metrics import Metric
from scheduler.plugin_api.mounts import UrlMount
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import Service, WorkerView
from scheduler.plugin_api.values import Alert, HealthCheck, HealthReport, RunState, RunTransition
from scheduler_notify.figures import Figures
from scheduler_notify.messages import CHANNELS
from scheduler_notify.settings import NotifySettings


class NotifyPlugin(Plugin):
    """Tells people of runs that failed, were skipped or are late, and of alerts."""

    name = "notify"
    settings_model = NotifySettings
    # No SUCCEEDED: each success would be written down for this. The watcher asks instead.
    run_states = frozenset(
        {RunState.FAILED, RunState.TIMED_OUT, RunState.ORPHANED, RunState.SKIPPED}
    )
    settings: NotifySettings

    def __init__(self) -> None:
        self._figures = Figures()

    @hookimpl
    def scheduler_django_apps(self) -> Sequence[str]:
        return ("scheduler_notify",)

    @hookimpl
    def scheduler_url_mounts(self) -> Sequence[UrlMount]:
        return (UrlMount("api/alertmanager/", "scheduler_notify.urls"),)

    @hookimpl
    def scheduler_run_transitioned(self, transitions: Sequence[RunTransition]) -> None:
        from scheduler_notify.database import with_fresh_connection
        from scheduler_notify.intake import message_of
        from scheduler_notify.store import keep

        found = [message for one in transitions if (message := message_of(one))]
        with_fresh_connection(keep)(found)

    @hookimpl
    def scheduler_alert(self, alert: Alert) -> None:
        from scheduler_notify.database import with_fresh_connection
        from scheduler_notify.intake import alert_message
        from scheduler_notify.store import keep

        with_fresh_connection(keep)([alert_message(alert)])

    @hookimpl
    def scheduler_leader_services(self, worker: WorkerView) -> Sequence[Service]:
        from scheduler_notify.router import Router
        from scheduler_notify.sender import Sender
        from scheduler_notify.watcher import Watcher

        router = Router(lambda: self.settings, self._figures)
        senders = [Sender(channel, lambda: self.settings, self._figures) for channel in CHANNELS]
        return (
            Service("notify-router", router.tick),
            Service("notify-watcher", Watcher(lambda: self.settings).tick),
            *(Service(f"notify-{one.channel}", one.tick) for one in senders),
        )

    @hookimpl
    def scheduler_metrics(self) -> Sequence[Metric]:
        return self._figures.metrics()

    @hookimpl
    def scheduler_health_checks(self) -> Sequence[HealthCheck]:
        return (HealthCheck("delivery", _delivery), HealthCheck("backlog", _backlog))


def _delivery() -> HealthReport:
    from scheduler_notify.health import delivery_health

    return delivery_health()


def _backlog() -> HealthReport:
    from scheduler_notify.health import backlog_health

    return backlog_health()
