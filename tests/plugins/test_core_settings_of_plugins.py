"""Plugins see the core's settings in force, before their first hook and after each reload."""

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.values import HealthCheck, HealthReport, HealthStatus
from tests.plugins.builders import host_of


class Curious(Plugin):
    name = "curious"

    @hookimpl
    def scheduler_health_checks(self):
        node_id = self.core.node_id
        return [HealthCheck(node_id, lambda: HealthReport(HealthStatus.OK, self.told()))]

    def told(self) -> str:
        return f"{self.core.deployment} {self.core.log_level}"


def test_a_plugin_without_settings_of_its_own_sees_the_cores():
    host = host_of(Curious)
    host.configure(rows={}, environ={"SCHEDULER_NODE_ID": "n-7", "SCHEDULER_DEPLOYMENT": "k8s"})
    (result,) = host.health()
    assert (result.check, result.report.summary) == ("n-7", "k8s info")


def test_a_reload_reaches_it_and_what_needs_a_restart_stays():
    host = host_of(Curious)
    host.configure(rows={}, environ={})
    rows = {"SCHEDULER_DEPLOYMENT": "k8s", "SCHEDULER_LOG_LEVEL": "debug"}
    told = host.reload(rows=rows, environ={})
    assert told.waiting == ("SCHEDULER_DEPLOYMENT",)
    (result,) = host.health()
    assert result.report.summary == "local debug"
