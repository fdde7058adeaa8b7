"""What plugins are told of: transitions, alerts, archived logs, finished runs, leadership."""

from collections.abc import Sequence

from scheduler.domain.transitions import ALLOWED
from scheduler.domain.values import RunState, RunTransition
from scheduler.plugin_api.archive import ArchivedLog
from scheduler.plugin_api.calls import PluginCalls
from scheduler.plugin_api.metrics import RunMeasure
from scheduler.plugin_api.services import LeadershipChange
from scheduler.plugin_api.values import Alert

TOLD_SECONDS = 5.0

TRANSITIONED = "scheduler_run_transitioned"
ALERT = "scheduler_alert"
ARCHIVED = "scheduler_logs_archived"
MEASURED = "scheduler_runs_measured"
LEADERSHIP = "scheduler_leadership_changed"


class Telling:
    """Tells each plugin what it asked to be told."""

    def __init__(self, calls: PluginCalls) -> None:
        self._calls = calls
        self.alert_readers = calls.having(ALERT)
        self.archived_readers = calls.having(ARCHIVED)
        self.measure_readers = calls.having(MEASURED)
        self.leadership_readers = calls.having(LEADERSHIP)

    def transition_readers(self) -> dict[str, frozenset[RunState]]:
        return {one.name: one.run_states for one in self._calls.plugins if one.run_states}

    def declared_transitions(self) -> frozenset[tuple[RunState, RunState]]:
        wanted = frozenset[RunState]().union(*self.transition_readers().values())
        return frozenset(
            (old, new) for old, moves in ALLOWED.items() for new in moves if new in wanted
        )

    def deliver(self, plugin: str, transitions: Sequence[RunTransition]) -> bool:
        states = self.transition_readers()[plugin]
        wanted = tuple(one for one in transitions if one.new in states)
        if not wanted:
            return True
        arguments = {"transitions": wanted}
        return self._calls.ask(plugin, TRANSITIONED, arguments, seconds=None) is not None

    def deliver_alerts(self, plugin: str, alerts: Sequence[Alert]) -> bool:
        return all(
            self._calls.ask(plugin, ALERT, {"alert": alert}, seconds=None) is not None
            for alert in alerts
        )

    def deliver_archived(self, plugin: str, logs: Sequence[ArchivedLog]) -> bool:
        return self._calls.ask(plugin, ARCHIVED, {"logs": tuple(logs)}, seconds=None) is not None

    def measured(self, measures: Sequence[RunMeasure]) -> None:
        for plugin in self.measure_readers:
            arguments = {"measures": tuple(measures)}
            self._calls.ask(plugin, MEASURED, arguments, seconds=TOLD_SECONDS)

    def not_measured(self, error: Exception) -> None:
        for plugin in self.measure_readers:
            self._calls.failures.add(plugin, MEASURED, error)

    def leadership_changed(self, change: LeadershipChange) -> None:
        for plugin in self.leadership_readers:
            self._calls.ask(plugin, LEADERSHIP, {"change": change}, seconds=TOLD_SECONDS)
