"""The plugin: checks where the scheduler runs in Kubernetes, probes everywhere."""

from collections.abc import Sequence
from typing import ClassVar

from scheduler.plugin_api.hookspecs import hookimpl
from scheduler.plugin_api.mounts import UrlMount, WorkerPage
from scheduler.plugin_api.plugin import Plugin
from scheduler.plugin_api.services import WorkerView
from scheduler.plugin_api.settings import SettingsModel
from scheduler.plugin_api.values import HealthCheck
from scheduler_k8s_health.settings import KubernetesSettings


class KubernetesHealthPlugin(Plugin):
    """Health of the Kubernetes cluster and of our pods; /livez and /readyz of all processes."""

    name = "k8s_health"
    settings_model: ClassVar[type[SettingsModel] | None] = KubernetesSettings
    settings: KubernetesSettings

    @hookimpl
    def scheduler_health_checks(self) -> Sequence[HealthCheck]:
        if self.core.deployment != "k8s":
            return ()
        # The client is a large library: only where it is used.
        from scheduler_k8s_health.checks import KubernetesChecks
        from scheduler_k8s_health.client import KubernetesApi

        return KubernetesChecks(KubernetesApi(), lambda: self.settings).all()

    @hookimpl
    def scheduler_worker_pages(self, worker: WorkerView) -> Sequence[WorkerPage]:
        from scheduler_k8s_health.worker_pages import probe_pages

        return probe_pages(worker, lambda: self.settings)

    @hookimpl
    def scheduler_url_mounts(self) -> Sequence[UrlMount]:
        return (UrlMount("", "scheduler_k8s_health.urls"),)
