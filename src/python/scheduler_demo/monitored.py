"""The demo's cluster, watched: every process shows its figures at /metrics, and Prometheus and
Alertmanager look at them where this machine has both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scheduler_demo.cluster import DemoCluster
from scheduler_demo.environment import with_plugin
from scheduler_demo.errors import ServiceProblem
from scheduler_demo.layout import Layout
from scheduler_demo.monitoring import (
    INSTALL,
    HttpServer,
    LocalAlertmanager,
    LocalPrometheus,
    Scrape,
)
from scheduler_demo.server import free_port

# By its path: where nothing is installed, as in the monorepo, there are no entry points.
PLUGIN = "scheduler_monitoring.plugin.MonitoringPlugin"
RULES = Path("deploy/monitoring/scheduler-rules.yaml")


class MonitoredCluster(DemoCluster):
    """As DemoCluster; ``say`` is told the addresses of the two servers once they are up."""

    def __init__(self, layout: Layout, *, say: Callable[[str], None], **options: Any) -> None:
        super().__init__(layout, **options)
        self._say = say
        self._metrics_ports = {number + 1: free_port() for number in range(self.worker_count)}
        self._prometheus_port, self._alertmanager_port = free_port(), free_port()
        self._installed = all(each.program() for each in (LocalPrometheus, LocalAlertmanager))
        self._watching: list[HttpServer] = []

    @property
    def environment(self) -> dict[str, str]:
        """With the plugin, and with where it finds the servers."""
        found = super().environment
        found["SCHEDULER_PLUGINS"] = with_plugin(found.get("SCHEDULER_PLUGINS", ""), PLUGIN)
        if self._installed:
            found["SCHEDULER_PROMETHEUS_URL"] = f"http://127.0.0.1:{self._prometheus_port}"
            found["SCHEDULER_ALERTMANAGER_URL"] = f"http://127.0.0.1:{self._alertmanager_port}"
        return found

    def worker_environment(self, number: int) -> dict[str, str]:
        """With a port of its own for the worker's figures."""
        port = self._metrics_ports[number]
        return {**super().worker_environment(number), "SCHEDULER_WORKER_HTTP_PORT": str(port)}

    def start(self) -> None:
        """Also the two servers; the demo goes on without one that does not start."""
        super().start()
        if not self._installed:
            self._say(f"Prometheus and Alertmanager are not installed; {INSTALL}")
            return
        try:
            with self._step("Prometheus, Alertmanager"):
                self._watch()
        except ServiceProblem as problem:
            self._say(f"monitoring: {problem}")

    def dead(self) -> list[tuple[str, str]]:
        """The two servers among them."""
        gone = [(one.name, str(one.log_path)) for one in self._watching if not one.running]
        return super().dead() + gone

    def stop(self, *, grace_seconds: float = 60.0) -> None:
        """Those who watch go first: they need not see the rest end."""
        while self._watching:
            self._watching.pop().close()
        super().stop(grace_seconds=grace_seconds)

    def _watch(self) -> None:
        alertmanager = LocalAlertmanager(
            self.layout.root / "alertmanager", port=self._alertmanager_port
        )
        prometheus = LocalPrometheus(
            self.layout.root / "prometheus",
            self._scrapes(),
            port=self._prometheus_port,
            rules=RULES if RULES.exists() else None,
            alertmanager=f"127.0.0.1:{self._alertmanager_port}",
        )
        for server in (alertmanager, prometheus):
            server.start()
            self._watching.append(server)
            self._say(f"{server.name}: {server.url}")

    def _scrapes(self) -> list[Scrape]:
        workers = [f"127.0.0.1:{port}" for port in self._metrics_ports.values()]
        found = [Scrape("scheduler-workers", workers)]
        if self.web is not None:
            found.append(Scrape("scheduler-cluster", [f"127.0.0.1:{self.web.port}"]))
        return found
